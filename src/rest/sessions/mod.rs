//! Sessions of a project, for who administers it: one file for each operation. A session is named
//! by its handle; its id, which opens it, is nowhere here.

pub mod end;
pub mod list;

use super::project::{Desk, ProjectAdmin};
use crate::access::Principal;
use crate::store::pg::project_sessions::Through;

impl ProjectAdmin {
    /// The way to the sessions of the project.
    fn through(&self, desk: &Desk) -> Through {
        match &self.requester.principal {
            Principal::Platform(_) => Through::Platform(desk.project),
            Principal::Key(_) => Through::Owner,
        }
    }
}
