//! The floors and sizes of ARCHITECTURE.md, held by a test: imports only go down, files and
//! functions stay small, SQL, the environment and the protocol's types stay where they belong.
#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]
#![expect(clippy::print_stdout, reason = "the figures are part of what this test is for")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use syn::spanned::Spanned as _;
use syn::visit::Visit;

/// Modules by floor. One may import only from lower floors; those of one floor never meet.
const FLOORS: [(usize, &[&str]); 9] = [
    (0, &["model"]),
    (1, &["config"]),
    (2, &["telemetry"]),
    (3, &["store", "embedded"]),
    (4, &["memory", "access"]),
    (5, &["mcp", "rest", "worker"]),
    (6, &["http"]),
    (7, &["app"]),
    (8, &["cli"]),
];

/// Where each of these may be named, as beginnings of paths below `src`.
const CONFINED: [(&str, &[&str]); 12] = [
    ("tokio_postgres", &["store/"]),
    ("deadpool", &["store/"]),
    ("rmcp", &["mcp/wire/"]),
    (
        "axum",
        &[
            "http/",
            "rest/",
            "mcp/transport/",
            "app.rs",
            "cli/local.rs",
            "cli/stdio/",
            "cli/healthcheck.rs",
        ],
    ),
    ("reqwest", &["cli/stdio/endpoint.rs", "cli/stdio/mod.rs"]),
    ("utoipa", &["http/", "rest/", "model/rights.rs"]),
    ("std::env", &["config/env.rs"]),
    ("env = \"", &[]),
    ("stdout()", &["cli/output.rs"]),
    ("stderr()", &["cli/output.rs"]),
    ("of_operator", &["cli/", "store/tenant.rs", "access/admin_token.rs"]),
    ("unsafe", &[]),
];

const MAX_FILE_LINES: usize = 400;
const MAX_MOD_LINES: usize = 120;
const MAX_FUNCTION_LINES: usize = 60;
const MAX_HANDLER_LINES: usize = 40;
const BANNED_NAMES: [&str; 4] = ["util", "utils", "common", "helpers"];

struct Source {
    /// Below `src`.
    path: String,
    /// Without the tests at its end and without comments.
    code: String,
    functions: Vec<Function>,
}

struct Function {
    name: String,
    lines: usize,
}

#[test]
fn imports_only_go_down() {
    let mut wrong = Vec::new();
    for source in sources() {
        let Some(own) = module_of(&source.path) else { continue };
        for imported in crate_paths(&source.code) {
            let down = floor(imported) < floor(own);
            if !down && own != imported {
                wrong.push(format!("{} (in {own}) imports {imported}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "imports only go down:\n{}", wrong.join("\n"));
}

#[test]
fn everything_is_where_it_belongs() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (name, places) in CONFINED {
            let here = places.iter().any(|place| source.path.starts_with(place));
            if source.code.contains(name) && !here {
                wrong.push(format!("{} names {name}, which belongs in {places:?}", source.path));
            }
        }
        let banned = |part: &str| BANNED_NAMES.contains(&part.trim_end_matches(".rs"));
        if source.path.split('/').any(banned) {
            wrong.push(format!("{}: name it after what it does", source.path));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn sql_is_written_in_the_store_only_and_never_built() {
    let mut wrong = Vec::new();
    for source in sources() {
        let has_sql = source.code.lines().any(is_sql);
        let in_store = source.path.starts_with("store/");
        if has_sql && !in_store {
            wrong.push(format!("{} has SQL", source.path));
        }
        let lower = source.code.to_lowercase();
        let builds =
            ["format!(\"select ", "format!(\"insert ", "format!(\"update ", "format!(\"delete "];
        if builds.iter().any(|start| lower.contains(start)) {
            wrong.push(format!("{} builds SQL", source.path));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_and_functions_are_small() {
    let sources = sources();
    let mut wrong = Vec::new();
    for source in &sources {
        let lines = source.code.lines().filter(|line| !line.trim().is_empty()).count();
        let limit = if source.path.ends_with("mod.rs") { MAX_MOD_LINES } else { MAX_FILE_LINES };
        if lines > limit {
            wrong.push(format!("{}: {lines} lines, at most {limit}", source.path));
        }
        for Function { name, lines } in &source.functions {
            let handler = ["call", "handler", "run"].contains(&name.as_str());
            let limit = if handler { MAX_HANDLER_LINES } else { MAX_FUNCTION_LINES };
            if *lines > limit {
                wrong.push(format!("{}: {name} has {lines} lines, at most {limit}", source.path));
            }
        }
    }
    print_figures(&sources);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a line begins a statement in a string.
fn is_sql(line: &str) -> bool {
    let line = line.to_lowercase();
    let starts = ["\"select ", "\"insert into ", "\"delete from ", "\"with made "];
    starts.iter().any(|start| line.contains(start))
        || (line.contains("\"update ") && line.contains(" set "))
}

fn print_figures(sources: &[Source]) {
    let mut floors: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    let mut files: Vec<(usize, &str)> = Vec::new();
    let mut functions: Vec<(usize, String)> = Vec::new();
    for source in sources {
        let lines = source.code.lines().filter(|line| !line.trim().is_empty()).count();
        let entry = floors.entry(module_of(&source.path).map_or(8, floor)).or_default();
        *entry = (entry.0 + 1, entry.1 + lines);
        files.push((lines, &source.path));
        functions.extend(
            source.functions.iter().map(|f| (f.lines, format!("{}: {}", source.path, f.name))),
        );
    }
    files.sort_unstable();
    functions.sort_unstable();
    for (floor, (count, lines)) in floors {
        println!("floor {floor}: {count} files, {lines} lines");
    }
    let (median, longest) = (files[files.len() / 2].0, files[files.len() - 1]);
    println!("files: median {median}, longest {} ({})", longest.0, longest.1);
    let at = |share: usize| functions[functions.len() * share / 100].0;
    let longest = &functions[functions.len() - 1];
    println!(
        "functions: median {}, 95 % {}, longest {} ({})",
        at(50),
        at(95),
        longest.0,
        longest.1
    );
}

fn floor(module: &str) -> usize {
    let found = FLOORS.iter().find(|(_, modules)| modules.contains(&module));
    found.unwrap_or_else(|| panic!("`{module}` stands on no floor: add it to FLOORS")).0
}

fn module_of(path: &str) -> Option<&str> {
    let first = path.split('/').next()?.trim_end_matches(".rs");
    (!["main", "lib"].contains(&first)).then_some(first)
}

/// The modules named behind `crate::`.
fn crate_paths(code: &str) -> Vec<&str> {
    let after = code.match_indices("crate::").map(|(at, found)| &code[at + found.len()..]);
    let names = after.map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    });
    names.filter(|name| !name.is_empty()).collect()
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    files.iter().map(|file| read(&root, file)).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

fn read(root: &Path, file: &Path) -> Source {
    let text = fs::read_to_string(file).unwrap();
    let production = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let code: Vec<&str> =
        production.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let mut functions = Functions(Vec::new());
    functions.visit_file(&syn::parse_file(production).unwrap());
    let path = file.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    Source { path, code: code.join("\n"), functions: functions.0 }
}

struct Functions(Vec<Function>);

impl Functions {
    fn add(&mut self, name: &syn::Ident, block: &syn::Block) {
        let span = block.span();
        let lines = (span.end().line - span.start().line).saturating_sub(1);
        self.0.push(Function { name: name.to_string(), lines });
    }
}

impl Visit<'_> for Functions {
    fn visit_item_fn(&mut self, item: &syn::ItemFn) {
        self.add(&item.sig.ident, &item.block);
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &syn::ImplItemFn) {
        self.add(&item.sig.ident, &item.block);
        syn::visit::visit_impl_item_fn(self, item);
    }
}
