//! Chooses a directory for the socket: its path may have no more than about 100 bytes.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The name that Postgres gives its socket on port 5432.
pub(super) const SOCKET: &str = ".s.PGSQL.5432";

/// Paths of sockets stay below this; the kernels' limits are 104 (macOS) and 108 (Linux).
const MAX_BYTES: usize = 100;

/// `pg/run` in the data directory, or, when that is too long or holds characters with a meaning in
/// connection strings, a directory in `/tmp` named by user and data directory. It depends on
/// nothing else, so that every process finds the same one.
pub(super) fn choose(root: &Path, uid: u32) -> PathBuf {
    let near = root.join("pg/run");
    if fits(&near) {
        return near;
    }
    let digest = Sha256::digest(root.as_os_str().as_encoded_bytes());
    PathBuf::from(format!("/tmp/mbmcp-{uid}-{}", hex::encode(&digest[..8])))
}

fn fits(dir: &Path) -> bool {
    let bytes = dir.as_os_str().as_encoded_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._- @+".contains(byte);
    bytes.iter().all(plain) && bytes.len() + 1 + SOCKET.len() < MAX_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_path_keeps_the_socket_near() {
        assert_eq!(choose(Path::new("/var/lib/mbmcp"), 7), Path::new("/var/lib/mbmcp/pg/run"));
    }

    #[test]
    fn the_limit_is_exact() {
        let rest = "/pg/run/".len() + SOCKET.len();
        let longest = format!("/{}", "a".repeat(MAX_BYTES - 1 - rest - 1));
        assert!(choose(Path::new(&longest), 7).starts_with(&longest));
        assert!(choose(Path::new(&format!("{longest}a")), 7).starts_with("/tmp"));
    }

    #[test]
    fn a_long_or_strange_path_gets_a_stable_name_of_its_own() {
        let long = format!("/{}", "a".repeat(120));
        let chosen = choose(Path::new(&long), 7);
        assert_eq!(chosen, choose(Path::new(&long), 7));
        assert_ne!(chosen, choose(Path::new(&format!("{long}b")), 7));
        assert_ne!(chosen, choose(Path::new(&long), 8));
        assert!(chosen.to_string_lossy().starts_with("/tmp/mbmcp-7-"));
        assert!(choose(Path::new("/a,b"), 7).starts_with("/tmp"));
    }
}
