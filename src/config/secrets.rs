//! Which environment this is, and the server's own secrets.

use std::str::FromStr;

use super::Variables;
use crate::model::Secret;

/// `SERVER_SECRET` and `ADMIN_TOKEN` have at least this many bytes.
pub const MIN_SECRET_BYTES: usize = 32;
/// Begins every secret of `.env.example`; refused in production.
pub const EXAMPLE_PREFIX: &str = "change-me";

/// Where the server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppEnv {
    /// Refuses default and short secrets.
    Production,
    /// Warns of them.
    Development,
}

/// The environment and what only the server knows.
#[derive(Clone, Debug)]
pub struct SecretsConfig {
    /// `APP_ENV` (production).
    pub app_env: AppEnv,
    /// `SERVER_SECRET`: at least 32 bytes, the same on all replicas. Seals cache entries and
    /// cursors: whoever knows it and can write to Redis can pretend to be anyone.
    pub server_secret: Secret,
    /// `ADMIN_TOKEN`: at least 32 bytes. Whoever has it administers all users, projects, members and
    /// keys by the REST API, and reads nothing that is remembered. Without one those routes are not
    /// there.
    pub admin_token: Option<Secret>,
}

impl FromStr for AppEnv {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "production" => Ok(Self::Production),
            "development" => Ok(Self::Development),
            _ => Err("use production or development"),
        }
    }
}

impl SecretsConfig {
    pub(super) fn read(variables: &mut Variables) -> Self {
        let app_env = variables.parsed("APP_ENV", AppEnv::Production);
        let secret = variables.secret("SERVER_SECRET", "SERVER_SECRET_FILE");
        let server_secret = secret.unwrap_or_else(|| Secret::new(""));
        let admin_token = variables.secret("ADMIN_TOKEN", "ADMIN_TOKEN_FILE");
        let admin_token = admin_token.filter(|token| !token.reveal().is_empty());
        let read = Self { app_env, server_secret, admin_token };
        let strict = app_env == AppEnv::Production;
        let unsealed = read.server_secret.reveal().is_empty();
        for problem in read.weaknesses().into_iter().filter(|_| strict || unsealed) {
            variables.problem(problem);
        }
        read
    }

    /// What a production server refuses; a development server warns of it.
    #[must_use]
    pub fn weaknesses(&self) -> Vec<String> {
        let token = self.admin_token.as_ref();
        let token = token.and_then(|token| weakness("ADMIN_TOKEN", token));
        weakness("SERVER_SECRET", &self.server_secret).into_iter().chain(token).collect()
    }
}

fn weakness(name: &str, secret: &Secret) -> Option<String> {
    let text = secret.reveal();
    let how = "make one with `openssl rand -base64 48`";
    if text.is_empty() {
        return Some(format!("{name} is not set: {how}"));
    }
    if text.len() < MIN_SECRET_BYTES {
        return Some(format!("{name} is shorter than {MIN_SECRET_BYTES} bytes: {how}"));
    }
    text.starts_with(EXAMPLE_PREFIX)
        .then(|| format!("{name} is the example's, which everyone knows: {how}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(env: &str, secret: &str) -> usize {
        let mut variables = Variables::of([("APP_ENV", env), ("SERVER_SECRET", secret)]);
        SecretsConfig::read(&mut variables);
        variables.finish().map_or_else(|error| error.0.len(), |()| 0)
    }

    #[test]
    fn production_refuses_weak_secrets() {
        let good = "k".repeat(MIN_SECRET_BYTES);
        let example = format!("{EXAMPLE_PREFIX}-{good}");
        assert_eq!(problems("production", &good), 0);
        for weak in ["", "short", &example] {
            assert_eq!(problems("production", weak), 1, "{weak}");
        }
        let pairs = [("SERVER_SECRET", good.as_str()), ("ADMIN_TOKEN", "short")];
        let mut variables = Variables::of(pairs);
        SecretsConfig::read(&mut variables);
        assert_eq!(variables.finish().unwrap_err().0.len(), 1);
        assert_eq!(problems("development", &example), 0);
        assert_eq!(problems("development", ""), 1, "without any secret nothing can be sealed");
    }
}
