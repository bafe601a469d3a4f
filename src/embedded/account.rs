//! Under which user Postgres runs: ours, or an unprivileged one when we are root.

use std::fs;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::Path;

use nix::unistd::{User, getegid, geteuid};
use tokio::process::Command;

use super::error::EmbeddedError;

/// The user that Postgres runs as and that owns its files.
#[derive(Debug, Clone)]
pub(super) struct Account {
    name: String,
    uid: u32,
    gid: u32,
    /// Whether it differs from ours, which only root can arrange.
    switched: bool,
}

impl Account {
    /// Ours; for root the user `postgres`, else `nobody`.
    pub(super) fn for_server() -> Result<Self, EmbeddedError> {
        let me = geteuid();
        if !me.is_root() {
            return Ok(Self {
                name: me.to_string(),
                uid: me.as_raw(),
                gid: getegid().as_raw(),
                switched: false,
            });
        }
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| User::from_name(name).ok().flatten())
            .map(|user| Self {
                name: user.name,
                uid: user.uid.as_raw(),
                gid: user.gid.as_raw(),
                switched: true,
            })
            .ok_or(EmbeddedError::NoAccount)
    }

    /// The numeric user id.
    pub(super) fn uid(&self) -> u32 {
        self.uid
    }

    /// The mode of a directory of ours with Postgres's inside: closed, or passable for its user.
    pub(super) fn outer_mode(&self) -> u32 {
        if self.switched { 0o711 } else { 0o700 }
    }

    /// Makes a command run as this user (its supplementary groups are dropped by the standard library).
    pub(super) fn apply(&self, command: &mut Command) {
        if self.switched {
            command.uid(self.uid).gid(self.gid);
        }
    }

    /// Hands a path to this user.
    pub(super) fn own(&self, path: &Path) -> Result<(), EmbeddedError> {
        if !self.switched {
            return Ok(());
        }
        lchown(path, Some(self.uid), Some(self.gid))
            .map_err(EmbeddedError::io("change the owner of", path))
    }

    /// Refuses when a directory above `path` that exists is closed to this user.
    pub(super) fn check_reach(&self, path: &Path) -> Result<(), EmbeddedError> {
        if !self.switched {
            return Ok(());
        }
        let closed = path.ancestors().skip(1).find(|dir| {
            fs::metadata(dir).is_ok_and(|meta| !self.may_enter(meta.mode(), meta.uid(), meta.gid()))
        });
        match closed {
            None => Ok(()),
            Some(dir) => Err(EmbeddedError::Unreachable {
                user: self.name.clone(),
                blocked: dir.to_path_buf(),
            }),
        }
    }

    /// Whether the permission bits let this user pass.
    fn may_enter(&self, mode: u32, owner: u32, group: u32) -> bool {
        let bit = if owner == self.uid {
            0o100
        } else if group == self.gid {
            0o010
        } else {
            0o001
        };
        mode & bit != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        Account { name: "postgres".into(), uid: 101, gid: 104, switched: true }
    }

    #[test]
    fn a_closed_home_stops_a_stranger_but_not_its_owner() {
        assert!(!account().may_enter(0o40700, 0, 0));
        assert!(account().may_enter(0o40711, 0, 0));
        assert!(account().may_enter(0o40700, 101, 0));
        assert!(account().may_enter(0o40710, 0, 104));
        assert!(!account().may_enter(0o40701, 0, 104));
    }
}
