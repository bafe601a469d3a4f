//! What a change means to a client that wants to be told of some: pure, for both eras.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::bus::Heard;
use super::wire::ServerCapabilities;
use crate::model::{SignalKind, UserId};

/// What a client wants to be told of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Changes of the list of tools.
    pub tools: bool,
    /// Changes of the list of prompts.
    pub prompts: bool,
    /// Changes of the list of resources.
    pub resources: bool,
    /// The resources whose changes count: the URIs by which the client knows each, by what signals
    /// call it.
    pub uris: BTreeMap<String, BTreeSet<String>>,
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// The list of tools is another one.
    Tools,
    /// The list of prompts is another one.
    Prompts,
    /// The list of resources is another one.
    Resources,
    /// The resource of this URI is another one, or is not there any more.
    Resource(String),
}

impl Wishes {
    /// What is heard of `uris`; `target` gives what signals call the resource of one, if it can be one.
    #[must_use]
    pub fn by_target(
        uris: impl IntoIterator<Item = String>,
        target: impl Fn(&str) -> Option<String>,
    ) -> BTreeMap<String, BTreeSet<String>> {
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for uri in uris {
            if let Some(target) = target(&uri) {
                found.entry(target).or_default().insert(uri);
            }
        }
        found
    }

    /// All that a session is told of: the lists that change, and what it has subscribed to.
    #[must_use]
    pub fn of_session(
        offered: &ServerCapabilities,
        uris: Vec<String>,
        target: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let changes = |list_changed: Option<bool>| list_changed == Some(true);
        Self {
            tools: changes(offered.tools.as_ref().and_then(|tools| tools.list_changed)),
            prompts: changes(offered.prompts.as_ref().and_then(|prompts| prompts.list_changed)),
            resources: changes(offered.resources.as_ref().and_then(|list| list.list_changed)),
            uris: Self::by_target(uris, target),
        }
    }

    /// The same of who may not read.
    #[must_use]
    pub fn without_resources(self) -> Self {
        Self { resources: false, uris: BTreeMap::new(), ..self }
    }

    /// What `heard` means to the user `user`, each change once.
    #[must_use]
    pub fn of(&self, heard: &[Heard], user: UserId) -> BTreeSet<Change> {
        let mut changes = BTreeSet::new();
        for heard in heard {
            match heard {
                Heard::Lost => changes.extend(self.all()),
                Heard::Signal(signal) => {
                    let of_another = signal.user.is_some_and(|other| other != user);
                    let uris = || self.uris.get(&signal.target).into_iter().flatten();
                    let resource = || uris().cloned().map(Change::Resource);
                    match signal.kind {
                        SignalKind::ResourceUpdated => changes.extend(resource()),
                        SignalKind::ResourceCreated | SignalKind::ResourceDeleted => {
                            changes.extend(resource());
                            changes.extend(self.resources.then_some(Change::Resources));
                        }
                        // The rights of another are not this user's.
                        SignalKind::ToolsChanged | SignalKind::PromptsChanged if of_another => {}
                        SignalKind::ToolsChanged => {
                            changes.extend(self.tools.then_some(Change::Tools));
                        }
                        SignalKind::PromptsChanged => {
                            changes.extend(self.prompts.then_some(Change::Prompts));
                        }
                        SignalKind::SessionChanged
                        | SignalKind::SessionEnded
                        | SignalKind::CallCancelled
                        | SignalKind::RequestAnswered => {}
                    }
                }
            }
        }
        changes
    }

    fn all(&self) -> impl Iterator<Item = Change> {
        let lists = [
            self.tools.then_some(Change::Tools),
            self.prompts.then_some(Change::Prompts),
            self.resources.then_some(Change::Resources),
        ];
        lists
            .into_iter()
            .flatten()
            .chain(self.uris.values().flatten().cloned().map(Change::Resource))
    }
}

impl Change {
    /// The notification that tells it: its method, and its parameters, an object.
    #[must_use]
    pub fn notification(&self) -> (&'static str, Value) {
        match self {
            Self::Tools => ("notifications/tools/list_changed", json!({})),
            Self::Prompts => ("notifications/prompts/list_changed", json!({})),
            Self::Resources => ("notifications/resources/list_changed", json!({})),
            Self::Resource(uri) => ("notifications/resources/updated", json!({ "uri": uri })),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::model::{ProjectId, Signal};

    fn signal(kind: SignalKind, target: &str, user: Option<u128>) -> Heard {
        let user = user.map(|user| UserId(Uuid::from_u128(user)));
        let project = ProjectId(Uuid::nil());
        Heard::Signal(Arc::new(Signal { project, user, kind, target: target.to_owned() }))
    }

    fn told(wishes: &Wishes, heard: &[Heard]) -> Vec<Change> {
        wishes.of(heard, UserId(Uuid::from_u128(1))).into_iter().collect()
    }

    #[test]
    fn each_is_told_what_he_wants_once() {
        let resource = |uri: &str| Change::Resource(uri.to_owned());
        let uris = ["x://a", "x://%61", "other://a"].map(str::to_owned);
        let target = |uri: &str| uri.strip_prefix("x://").map(|path| path.replace("%61", "a"));
        let uris = Wishes::by_target(uris, target);
        let all = Wishes { tools: true, prompts: true, resources: true, uris };
        let heard = [
            signal(SignalKind::ResourceCreated, "a", Some(2)),
            signal(SignalKind::ResourceUpdated, "a", Some(2)),
            signal(SignalKind::ResourceUpdated, "b", None),
            signal(SignalKind::ToolsChanged, "", None),
            signal(SignalKind::SessionChanged, "a", Some(1)),
        ];
        let both = [resource("x://%61"), resource("x://a")];
        assert_eq!(told(&all, &heard)[..2], [Change::Tools, Change::Resources]);
        assert_eq!(told(&all, &heard)[2..], both);
        assert_eq!(told(&Wishes::default(), &heard), []);
        assert_eq!(told(&all, &[Heard::Lost]).len(), 5);
        assert_eq!(told(&Wishes::default(), &[Heard::Lost]), []);
    }

    #[test]
    fn the_tools_of_another_user_are_his() {
        let wishes = Wishes { tools: true, ..Wishes::default() };
        for (user, told_of) in [(None, 1), (Some(1), 1), (Some(2), 0)] {
            assert_eq!(told(&wishes, &[signal(SignalKind::ToolsChanged, "", user)]).len(), told_of);
        }
    }
}
