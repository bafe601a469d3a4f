//! The figures that the design promises, each as a ratio within one run:  make bench ARGS="memory purge"
//! Nothing here fails: it measures, prints what it finds beside the goal, and leaves the judgement.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are benches")]
#![expect(clippy::print_stdout, reason = "the figures are what this is for")]

mod cost;
mod day;
mod fairness;
mod initialize;
mod memory;
mod purge;
mod samples;
mod stored;
mod streamed;
mod wire;

#[path = "../../tests/it/harness/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests use the rest of it")]
mod harness;

const ALL: [&str; 7] = ["stored", "streamed", "initialize", "fairness", "memory", "purge", "day"];

#[tokio::main]
async fn main() {
    // Cargo says `--bench` to every bench.
    let mut wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if wanted.is_empty() {
        wanted = ALL.map(str::to_owned).to_vec();
    }
    for figure in wanted {
        println!("\n{figure}");
        match figure.as_str() {
            "stored" => stored::measure().await,
            "streamed" => streamed::measure().await,
            "initialize" => initialize::measure().await,
            "fairness" => fairness::measure().await,
            "memory" => memory::measure().await,
            "purge" => purge::measure().await,
            "day" => day::measure().await,
            other => panic!("there is no figure `{other}`: choose of {ALL:?}"),
        }
    }
}

/// Prints a figure beside what it should be.
fn print(what: &str, figure: &str, goal: &str) {
    println!("  {what:<66} {figure:>12}   {goal}");
}
