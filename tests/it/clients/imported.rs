//! The repository's own documentation, imported as a user would, found and read by two clients.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use walkdir::{DirEntry, WalkDir};

use super::{Official, hits, read, search};
use crate::harness::{Database, Login, Process, TestKey, mbmcp, redis_url};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[tokio::test]
async fn imported_documentation_is_found_and_read_back_by_the_official_clients() {
    let database = Database::new().await;
    let server = Process::serve(&database, &[("REDIS_URL", &redis_url())]).await;
    let (a, b) = (database.editor("a").await, database.editor("b").await);
    // Of this repository: its documentation, and the texts that are compiled in.
    let (documentation, compiled) =
        (Texts::below("", "src/memory"), Texts::below("src/memory", ""));

    documentation.import(&database, &a, "created").await;
    compiled.import(&database, &b, "created").await;
    documentation.import(&database, &a, "unchanged").await;

    let phrases = documentation.phrases(&compiled);
    Official::TypeScript1.finds(&server, &a, &phrases).await;
    Official::Python.finds_nothing(&server, &b, &phrases).await;
    let phrases = compiled.phrases(&documentation);
    assert!(phrases.iter().any(|phrase| !phrase.heading.is_empty()), "no heading is checked");
    Official::Python.finds(&server, &b, &phrases).await;
    Official::TypeScript1.finds_nothing(&server, &a, &phrases).await;

    Official::TypeScript1.reads(&server, &a, &documentation).await;
    Official::Python.reads(&server, &b, &compiled).await;
}

/// Real Markdown files by name.
struct Texts(BTreeMap<String, String>);

/// Words that stand once in all texts of both tenants.
struct Phrase {
    file: String,
    line: usize,
    /// The last heading above, where it is plain text.
    heading: String,
    words: String,
    /// The longest of the words.
    long: String,
}

impl Texts {
    /// The Markdown files of the repository below `folder` without those below `left_out`.
    fn below(folder: &str, left_out: &str) -> Self {
        let wanted = |entry: &DirEntry| {
            let name = entry.file_name().to_str().unwrap();
            let hidden = entry.depth() > 0 && name.starts_with('.');
            let left_out = !left_out.is_empty() && entry.path() == Path::new(ROOT).join(left_out);
            !hidden && !left_out && !["target", "node_modules"].contains(&name)
        };
        let mut texts = BTreeMap::new();
        for entry in WalkDir::new(Path::new(ROOT).join(folder)).into_iter().filter_entry(wanted) {
            let path = entry.unwrap().into_path();
            if path.extension().is_some_and(|ending| ending == "md") {
                let name = path.strip_prefix(ROOT).unwrap().to_str().unwrap();
                texts.insert(name.to_owned(), fs::read_to_string(&path).unwrap());
            }
        }
        Self(texts)
    }

    /// Imports them as a user would; all of them must be `done`.
    async fn import(&self, database: &Database, key: &TestKey, done: &str) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in &self.0 {
            let file: PathBuf = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let mut command = mbmcp();
        command.arg("import").arg(folder.path());
        command.args(["--project", &key.project, "--user", &key.user]);
        command.env("DATABASE_URL", database.url(Login::Server));
        let output = command.output().await.unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains(&format!("{done} {}", self.0.len())), "{said}");
        assert!(said.contains("not imported 0"), "{said}");
    }

    /// A phrase of each file that has one.
    fn phrases(&self, others: &Self) -> Vec<Phrase> {
        let texts = self.0.values().chain(others.0.values());
        let whole: String = texts.flat_map(|text| [text.as_str(), "\n"]).collect();
        let whole = whole.to_lowercase();
        let found = self.0.iter().filter_map(|(file, text)| phrase(file, text, &whole));
        let found: Vec<Phrase> = found.collect();
        assert!(!found.is_empty(), "no text has a phrase of its own");
        found
    }
}

fn phrase(file: &str, text: &str, whole: &str) -> Option<Phrase> {
    let (mut heading, mut in_code) = (String::new(), false);
    for (index, line) in text.lines().enumerate() {
        in_code ^= line.trim_start().starts_with("```");
        if line.starts_with('#') && !in_code {
            line.trim_start_matches('#').trim().clone_into(&mut heading);
        }
        let tokens: Vec<&str> = line.split(' ').collect();
        let plain = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
        for words in tokens.windows(5).filter(|words| words.iter().all(plain)) {
            let long = words.iter().max_by_key(|word| word.len()).unwrap();
            // Short words are often not indexed, and one alone stands in many sections.
            let telling =
                long.len() >= 8 && words.iter().filter(|word| word.len() >= 6).count() > 1;
            let words = words.join(" ");
            // Within a tag it would not be text.
            if telling && !line.contains('<') && whole.matches(&words).count() == 1 {
                if !heading.chars().all(|c| c.is_alphanumeric() || c == ' ') {
                    heading.clear();
                }
                let (file, long) = (file.to_owned(), (*long).to_owned());
                return Some(Phrase { file, line: index + 1, heading, words, long });
            }
        }
    }
    None
}

impl Phrase {
    /// With a letter missing in its longest word.
    fn misspelt(&self) -> String {
        let wrong = format!("{}{}", &self.long[..4], &self.long[5..]);
        self.words.replacen(&self.long, &wrong, 1)
    }

    fn is_at(&self, hit: &Value) -> bool {
        hit["filename"] == *self.file
            && hit["line"] == self.line
            && hit["heading"].as_str().unwrap().ends_with(&self.heading)
    }
}

impl Official {
    /// Every phrase is found in its document, under its heading, on its line; also misspelt.
    async fn finds(self, server: &Process, key: &TestKey, phrases: &[Phrase]) {
        let job = phrases.iter().flat_map(|phrase| {
            [search(&format!("\"{}\"", phrase.words), "words"), search(&phrase.misspelt(), "words")]
        });
        let answers = self.ok(server, key, &job.collect::<Vec<_>>()).await;
        let mut mended = 0;
        for (phrase, found) in phrases.iter().zip(answers.chunks(2)) {
            let Phrase { file, line, words, .. } = phrase;
            let [exactly, corrected] = found else { panic!("two answers each") };
            let there = hits(exactly).iter().any(|hit| phrase.is_at(hit));
            assert!(there, "{file}:{line} `{words}`: {exactly}");
            // Another word may be as near as the one that was meant.
            if corrected["correctedQuery"] == **words {
                mended += 1;
                let there = hits(corrected).iter().any(|hit| phrase.is_at(hit));
                assert!(there, "{file}:{line} `{}`: {corrected}", phrase.misspelt());
            }
        }
        assert!(mended * 2 >= phrases.len(), "only {mended} of {} were mended", phrases.len());
    }

    /// None of another tenant's phrases is found.
    async fn finds_nothing(self, server: &Process, key: &TestKey, foreign: &[Phrase]) {
        let job = foreign.iter().flat_map(|phrase| {
            [search(&phrase.words, "literal"), search(&format!("\"{}\"", phrase.words), "words")]
        });
        let answers = self.ok(server, key, &job.collect::<Vec<_>>()).await;
        for (phrase, found) in foreign.iter().zip(answers.chunks(2)) {
            assert_eq!(found[0]["results"], json!([]));
            assert!(!found[1]["results"].to_string().contains(&phrase.words), "{}", found[1]);
        }
    }

    /// Every text reads back as it is in its file.
    async fn reads(self, server: &Process, key: &TestKey, texts: &Texts) {
        let job: Vec<Value> = texts.0.keys().map(|name| read(name)).collect();
        let answers = self.ok(server, key, &job).await;
        for ((name, text), answer) in texts.0.iter().zip(answers) {
            assert_eq!((&answer["filename"], &answer["content"]), (&json!(name), &json!(text)));
        }
    }
}
