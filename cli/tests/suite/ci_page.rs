//! docs/ci.md: what it says to a CI is YAML, and its commands do what the page says, in the order in which a job runs them.

use std::fs;
use std::path::Path;
use std::process::Command;

use saphyr::{LoadableYamlNode, Yaml};
use tempfile::tempdir;

use crate::support::{clean, program};

const PAGE: &str = include_str!("../../../docs/ci.md");

/// The blocks of this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let blocks: Vec<&str> = PAGE.split("```").skip(1).step_by(2).collect();
    blocks.into_iter().filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).collect()
}

fn yaml(text: &str) -> Yaml<'_> {
    let mut documents = Yaml::load_from_str(text).unwrap();
    assert_eq!(documents.len(), 1, "{text}");
    documents.remove(0)
}

/// A folder with the drill that the page speaks of, and a good run of it.
fn folder() -> tempfile::TempDir {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("drills")).unwrap();
    let text = icsf_drill::gallery::GALLERY.iter().find(|drill| drill.name == "no-crypto-card").unwrap().text;
    fs::write(folder.path().join("drills/no-crypto-card.toml"), text).unwrap();
    run(folder.path(), "softicsf drill run drills/no-crypto-card.toml --report good");
    fs::rename(folder.path().join("good/report.json"), folder.path().join("drills/no-crypto-card.json")).unwrap();
    folder
}

/// Runs the lines of a script as a runner does: it ends with the first that fails.
#[track_caller]
fn run(folder: &Path, script: &str) {
    let path = format!("{}:{}", program().parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", script]).current_dir(folder).env("PATH", path);
    clean(&mut shell);
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[track_caller]
fn texts(list: &Yaml<'_>) -> Vec<String> {
    list.as_vec().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_job_of_github_actions_runs_and_leaves_what_it_keeps() {
    let [github, _] = blocks("yaml")[..] else { panic!("{:?}", blocks("yaml")) };
    let workflow = yaml(github);
    let steps = workflow["jobs"]["no-crypto-card"]["steps"].as_vec().unwrap();
    let folder = folder();
    let scripts: Vec<&str> = steps.iter().filter_map(|step| step.as_mapping_get("run")?.as_str()).collect();
    let [install, drill] = scripts[..] else { panic!("{scripts:?}") };
    assert!(install.starts_with("cargo install --locked "), "{install}");
    run(folder.path(), drill);
    let kept = steps.last().unwrap()["with"]["path"].as_str().unwrap();
    assert!(folder.path().join(kept).join("no-crypto-card/report.html").is_file(), "{kept}");
}

#[test]
fn the_job_of_gitlab_runs_and_leaves_what_it_keeps() {
    let [_, gitlab] = blocks("yaml")[..] else { panic!("{:?}", blocks("yaml")) };
    let job = yaml(gitlab);
    let job = &job["no-crypto-card"];
    assert!(texts(&job["before_script"])[0].starts_with("cargo install --locked "));
    let folder = folder();
    run(folder.path(), &texts(&job["script"]).join("\n"));
    for path in texts(&job["artifacts"]["paths"]) {
        assert!(folder.path().join(&path).is_dir(), "{path}");
    }
    let junit = job["artifacts"]["reports"]["junit"].as_str().unwrap();
    assert!(fs::read_to_string(folder.path().join(junit)).unwrap().contains("<testsuite name=\"RTO\""), "{junit}");
}

#[test]
fn the_commands_of_the_page_are_ones_the_program_has() {
    let scripts = blocks("sh");
    assert_eq!(scripts.len(), 2);
    let folder = folder();
    for script in scripts {
        run(folder.path(), script);
    }
    let report = fs::read_to_string(folder.path().join("reports/no-crypto-card/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["progress"]["worse"], &report["verdict"]["rto"]), (&serde_json::json!([]), &"met".into()));
}
