//! What the members' `Cargo.toml` files say.

use std::fs;
use std::path::Path;

use toml::{Table, Value};

const SECTIONS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

fn load(root: &Path, member: &str) -> (String, Table) {
    let path = root.join(member).join("Cargo.toml");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let table = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (text, table)
}

/// Every dependency of a manifest: its real package name and how it is declared, those of `[target.…]` included.
fn dependencies(manifest: &Table) -> Vec<(String, &Value)> {
    let mut places: Vec<&Table> = vec![manifest];
    if let Some(targets) = manifest.get("target").and_then(Value::as_table) {
        places.extend(targets.values().filter_map(Value::as_table));
    }
    let sections = places.iter().flat_map(|place| SECTIONS.iter().filter_map(|name| place.get(*name)?.as_table()));
    let renamed = |how: &Value| how.get("package").and_then(Value::as_str).map(str::to_owned);
    sections.flatten().map(|(name, how)| (renamed(how).unwrap_or_else(|| name.clone()), how)).collect()
}

/// Line (from 1) on which `name` begins a line or is named as a package; 1 if it is not found.
fn line_of(text: &str, name: &str) -> usize {
    let at = text.lines().position(|line| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
            || line.contains(&format!("\"{name}\""))
    });
    at.map_or(1, |at| at + 1)
}

pub(crate) fn members(root: &Path) -> Vec<String> {
    let (_, manifest) = load(root, ".");
    let members = manifest["workspace"]["members"].as_array().expect("[workspace] members is a list");
    members.iter().map(|member| member.as_str().unwrap_or_default().to_owned()).collect()
}

/// Whether `member` may use our crate `used`. `sim` and `tests` stand to the right of all others, `tests` last.
fn may_use(members: &[&str], member: &str, used: &str) -> bool {
    let place = |name: &str| members.iter().position(|member| *member == name);
    matches!((place(member), place(used)), (Some(member), Some(used)) if used < member)
}

pub(crate) fn wrong_directions(root: &Path, members: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for member in members {
        let (text, manifest) = load(root, member);
        found.extend(wrong_directions_in(member, &text, &manifest, members));
    }
    found
}

fn wrong_directions_in(member: &str, text: &str, manifest: &Table, members: &[&str]) -> Vec<String> {
    let wrong = dependencies(manifest).into_iter().filter_map(|(name, _)| {
        let used = name.strip_prefix("ostrakon-")?;
        (!may_use(members, member, used))
            .then(|| format!("{member}/Cargo.toml:{}: {member} must not use {used}", line_of(text, &name)))
    });
    wrong.collect()
}

pub(crate) fn server_in_sim(root: &Path) -> Vec<String> {
    let (text, manifest) = load(root, "sim");
    let (workspace_text, workspace) = load(root, ".");
    let off = &workspace["workspace"]["dependencies"]["ostrakon-router"];
    let mut found = server_features("sim/Cargo.toml", &text, &manifest);
    if off.get("default-features").and_then(Value::as_bool) != Some(false) {
        let line = line_of(&workspace_text, "ostrakon-router");
        found.push(format!("Cargo.toml:{line}: ostrakon-router needs default-features = false"));
    }
    found
}

fn server_features(path: &str, text: &str, manifest: &Table) -> Vec<String> {
    let asks = |how: &Value| {
        let features = how.get("features").and_then(Value::as_array);
        features.is_some_and(|features| features.iter().any(|feature| feature.as_str() == Some("server")))
            || how.get("default-features").and_then(Value::as_bool) == Some(true)
    };
    let router = dependencies(manifest).into_iter().filter(|(name, how)| name == "ostrakon-router" && asks(how));
    router.map(|(name, _)| format!("{path}:{}: asks for the router's server", line_of(text, &name))).collect()
}

/// Members outside `allowed` that depend on one of `crates`. Only what is built into the crate counts for `ledger`
/// and its like; a development dependency pulls the same code into the tree, so it counts as well.
pub(crate) fn users_of(root: &Path, members: &[&str], crates: &[&str], allowed: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for member in members.iter().filter(|member| !allowed.contains(*member)) {
        let (text, manifest) = load(root, member);
        found.extend(users_in(member, &text, &manifest, crates));
    }
    found
}

fn users_in(member: &str, text: &str, manifest: &Table, crates: &[&str]) -> Vec<String> {
    let used = dependencies(manifest).into_iter().filter(|(name, _)| crates.contains(&name.as_str()));
    used.map(|(name, _)| format!("{member}/Cargo.toml:{}: {member} uses {name}", line_of(text, &name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBERS: [&str; 6] = ["ledger", "reputation", "policies", "router", "sim", "tests"];

    fn check(member: &str, text: &str) -> Vec<String> {
        wrong_directions_in(member, text, &text.parse().unwrap(), &MEMBERS)
    }

    #[test]
    fn a_dependency_to_the_right_is_found_in_every_section() {
        let wrong = "[package]\nname = \"x\"\n\n[dependencies]\nostrakon-policies.workspace = true\n";
        assert_eq!(check("reputation", wrong), ["reputation/Cargo.toml:5: reputation must not use policies"]);
        assert_eq!(check("router", wrong), Vec::<String>::new());
        let dev = wrong.replace("[dependencies]", "[dev-dependencies]");
        assert_eq!(check("ledger", &dev).len(), 1);
        let target = wrong.replace("[dependencies]", "[target.'cfg(unix)'.dependencies]");
        assert_eq!(check("ledger", &target).len(), 1);
    }

    #[test]
    fn a_renamed_dependency_and_an_unknown_crate_of_ours_are_found() {
        let renamed = "[dependencies]\nx = { package = \"ostrakon-router\", path = \"..\" }\n";
        assert_eq!(check("policies", renamed), ["policies/Cargo.toml:2: policies must not use router"]);
        assert_eq!(check("sim", "[dependencies]\nostrakon-common = \"1\"\n").len(), 1);
        assert_eq!(check("sim", "[dependencies]\nostrakon-tests = \"1\"\n").len(), 1);
    }

    #[test]
    fn users_and_server_features_are_found() {
        let text = "[dependencies]\ntokio = \"1\"\ntokio-util = \"1\"\n";
        assert_eq!(users_in("sim", text, &text.parse().unwrap(), &["tokio"]), ["sim/Cargo.toml:2: sim uses tokio"]);
        let text = "[dependencies]\nostrakon-router = { workspace = true, features = [\"server\"] }\n";
        assert_eq!(server_features("p", text, &text.parse().unwrap()), ["p:2: asks for the router's server"]);
        let text = "[dependencies]\nostrakon-router.workspace = true\n";
        assert_eq!(server_features("p", text, &text.parse().unwrap()), Vec::<String>::new());
    }
}
