//! Who may do what: a user's role in a project, a key's scopes, and what follows from both.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A user's role in a project. Each includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads and writes the memory.
    Editor,
    /// Also manages members, keys and the project.
    Owner,
}

/// What a key was issued for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Reads the memory.
    Read,
    /// Writes the memory; includes reading.
    Write,
    /// Manages keys, members and the project; includes neither reading nor writing.
    Admin,
}

/// What a call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// To read the memory.
    Read,
    /// To write the memory.
    Write,
}

/// The scopes of one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(Vec<Scope>);

/// A word that names no role or scope.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{word}` is not a {kind}; use one of {allowed}")]
pub struct UnknownWord {
    kind: &'static str,
    word: String,
    allowed: &'static str,
}

impl Scopes {
    /// The scopes in `scopes`, each once.
    #[must_use]
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Self {
        let mut kept = Vec::new();
        for scope in scopes {
            if !kept.contains(&scope) {
                kept.push(scope);
            }
        }
        Self(kept)
    }

    /// Whether a key with these scopes, held by a user of this role now, has `right`:
    /// the scopes allow it **and** the role does.
    #[must_use]
    pub fn grant(&self, right: Right, role: Role) -> bool {
        match right {
            Right::Read => self.0.contains(&Scope::Read) || self.0.contains(&Scope::Write),
            Right::Write => self.0.contains(&Scope::Write) && role >= Role::Editor,
        }
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }

    /// Whether `scope` is one of them.
    #[must_use]
    pub fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// Whether `others` have all of them; `write` includes `read`.
    #[must_use]
    pub fn are_within(&self, others: &Self) -> bool {
        let within = |scope: &Scope| match scope {
            Scope::Read => others.contains(Scope::Read) || others.contains(Scope::Write),
            scope => others.contains(*scope),
        };
        self.0.iter().all(within)
    }

    /// The names of the scopes, as stored and shown.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|scope| scope.name()).collect()
    }
}

impl Role {
    /// The role's name, as stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Owner => "owner",
        }
    }
}

impl Scope {
    /// The scope's name, as stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "viewer" => Ok(Self::Viewer),
            "editor" => Ok(Self::Editor),
            "owner" => Ok(Self::Owner),
            _ => Err(UnknownWord {
                kind: "role",
                word: word.to_owned(),
                allowed: "viewer, editor, owner",
            }),
        }
    }
}

impl FromStr for Scope {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            "admin" => Ok(Self::Admin),
            _ => Err(UnknownWord {
                kind: "scope",
                word: word.to_owned(),
                allowed: "read, write, admin",
            }),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_needs_both_scope_and_role() {
        let read = Scopes::new([Scope::Read]);
        let write = Scopes::new([Scope::Write]);
        let admin = Scopes::new([Scope::Admin]);
        for role in [Role::Viewer, Role::Editor, Role::Owner] {
            assert!(read.grant(Right::Read, role) && !read.grant(Right::Write, role));
            assert!(write.grant(Right::Read, role), "write includes read");
            assert_eq!(write.grant(Right::Write, role), role >= Role::Editor);
            assert!(!admin.grant(Right::Read, role) && !admin.grant(Right::Write, role));
        }
    }
}
