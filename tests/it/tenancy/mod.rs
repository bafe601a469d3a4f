//! Tenancy: the walls between projects, proven at start and attacked below the front door.
//!
//! `walls*` plant one defect after another into a database, mostly generated from the catalogue,
//! and want the server to refuse with a sentence that names it. `sql*` attack the walls with SQL
//! as the production login does. [`plants`], [`world`], [`catalogue`] and [`attempt`] are what
//! they stand on.

mod attempt;
mod catalogue;
mod matrix;
mod plants;
mod sql;
mod sql_functions;
mod sql_inserts;
mod sql_roles;
mod sql_signals;
mod walls;
mod walls_migrations;
mod walls_planted;
mod walls_roles;
mod world;

pub use matrix::ROUTES;
