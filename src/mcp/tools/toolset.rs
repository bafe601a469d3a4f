//! Toolsets: groups of tools that a client may choose, so that a model's context holds only the
//! tools it needs: `/mcp?toolsets=documents`.

use std::collections::BTreeSet;

/// A group of tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Toolset {
    /// The texts of the memory bank.
    Documents,
}

/// All groups, with their names and whether they are offered to who does not choose.
const TOOLSETS: [(Toolset, &str, bool); 1] = [(Toolset::Documents, "documents", true)];
/// Stands for all groups.
const ALL: &str = "all";

/// The groups of one caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolsets(BTreeSet<Toolset>);

/// A name that is none of a toolset.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`toolsets`: there is no toolset `{name}`; use `{ALL}`, or some of {known}, with commas")]
pub struct UnknownToolset {
    name: String,
    known: String,
}

impl Toolsets {
    /// Every group.
    #[must_use]
    pub fn all() -> Self {
        Self::of(|_| true)
    }

    /// The groups that `text` names, with commas between them.
    ///
    /// # Errors
    /// When it names one that is not there; that of no text is not there.
    pub fn parse(text: &str) -> Result<Self, UnknownToolset> {
        if text == ALL {
            return Ok(Self::all());
        }
        text.split(',').map(|name| find(name.trim())).collect::<Result<_, _>>().map(Self)
    }

    /// The groups of a session: by their names as kept in its row, or the default ones. A name of
    /// another version of the server is passed over.
    #[must_use]
    pub fn of_names(names: Option<&[String]>) -> Self {
        names.map_or_else(Self::default, |names| {
            Self(names.iter().filter_map(|name| find(name).ok()).collect())
        })
    }

    /// Their names, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let own = TOOLSETS.iter().filter(|(toolset, ..)| self.contains(*toolset));
        own.map(|(_, name, _)| (*name).to_owned()).collect()
    }

    /// Whether `toolset` is one of them.
    #[must_use]
    pub fn contains(&self, toolset: Toolset) -> bool {
        self.0.contains(&toolset)
    }

    fn of(offered: impl Fn(bool) -> bool) -> Self {
        let chosen = TOOLSETS.iter().filter(|(_, _, default)| offered(*default));
        Self(chosen.map(|(toolset, ..)| *toolset).collect())
    }
}

impl Default for Toolsets {
    /// Those of who does not choose.
    fn default() -> Self {
        Self::of(|default| default)
    }
}

fn find(name: &str) -> Result<Toolset, UnknownToolset> {
    let found = TOOLSETS.iter().find(|(_, known, _)| *known == name);
    found.map(|(toolset, ..)| *toolset).ok_or_else(|| UnknownToolset {
        name: name.chars().take(64).collect(),
        known: TOOLSETS.map(|(_, known, _)| format!("`{known}`")).join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toolsets_are_chosen_by_name() {
        let documents = Toolsets::parse("documents").unwrap();
        assert_eq!(documents.names(), ["documents"]);
        assert_eq!(Toolsets::parse(" documents ,documents").unwrap(), documents);
        assert_eq!(Toolsets::parse("all").unwrap(), Toolsets::all());
        assert_eq!(Toolsets::of_names(Some(&[])).names(), Vec::<String>::new());
        assert_eq!(Toolsets::of_names(Some(&["gone".to_owned()])).names(), Vec::<String>::new());
        for wrong in ["", "documents,", "Documents", "graph"] {
            let sentence = Toolsets::parse(wrong).unwrap_err().to_string();
            assert!(sentence.contains("`documents`"), "{sentence}");
        }
    }
}
