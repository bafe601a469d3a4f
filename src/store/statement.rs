//! SQL with a name.

use tokio_postgres::types::Type;

/// A statement of the product: its name goes into logs and metrics, its parameter types let it
/// be sent unnamed in one round trip, which works through every connection pooler.
#[derive(Debug)]
pub struct Statement {
    /// `module.verb`, for logs and metrics.
    pub name: &'static str,
    /// The SQL, with `$1`… for parameters. Never built at run time.
    pub sql: &'static str,
    /// The types of the parameters, in order.
    pub types: &'static [Type],
}

/// Declares statements as constants and lists them in `STATEMENTS`, from which one test prepares
/// them all on the migrated schema.
macro_rules! statements {
    ($($constant:ident = $name:literal ($($kind:ident),* $(,)?) $sql:expr;)+) => {
        $(const $constant: $crate::store::Statement = $crate::store::Statement {
            name: $name,
            sql: $sql,
            types: &[$(tokio_postgres::types::Type::$kind),*],
        };)+
        pub(super) const STATEMENTS: &[&$crate::store::Statement] = &[$(&$constant),+];
    };
}

pub(super) use statements;
