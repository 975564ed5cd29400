//! What world.toml says of whoever lives on the maps: their templates, and the rules for their attributes. Then what they do is checked: behaviours, paths, scripts.

use std::collections::{BTreeMap, BTreeSet};

use wire::Value;

use super::{Files, objects::Drawn};
use crate::{
    behaviours::Kind,
    report::{Report, Severity},
    settings::{self, Settings},
};

/// What creatures of a spawn do if nobody says otherwise.
const SPAWNED: &str = "wander";

/// How many creatures one spawn keeps alive at most.
const BEINGS_MAX: u32 = 10_000;

/// Gives all NPCs and spawns what their templates have for them, and says what is wrong with them. Whose behaviour is not to be understood stands.
pub(super) fn settle(
    files: &Files,
    drawn: &mut BTreeMap<String, Drawn>,
    settings: &Settings,
    report: &mut Report,
) {
    let paths = drawn.values().flat_map(|drawn| drawn.map.paths.keys());
    let settling = Settling {
        files,
        settings,
        paths: paths.cloned().collect(),
    };
    settling.check_templates(report);
    for Drawn {
        map,
        npc_lines,
        spawn_lines,
        ..
    } in drawn.values_mut()
    {
        for (npc, line) in map.npcs.iter_mut().zip(npc_lines) {
            let mut found = Found::new(&map.file, *line, report);
            if let Some(template) = npc.template.as_deref()
                && !settings.templates.contains_key(template)
            {
                found.warn(format!("there is no template {template:?} in world.toml"));
            }
            let template = npc.template.as_deref();
            npc.behaviour = npc
                .behaviour
                .take()
                .or_else(|| settling.behaviour(template));
            settling.dress(&mut npc.attributes, template, "npc", &mut found);
            let behaviour = npc.behaviour.take();
            npc.behaviour =
                behaviour.and_then(|text| settling.check(text, &npc.attributes, &mut found));
        }
        for (spawn, line) in map.spawns.iter_mut().zip(spawn_lines) {
            let mut found = Found::new(&map.file, *line, report);
            if spawn.being_count_max > BEINGS_MAX {
                let count = spawn.being_count_max;
                found.warn(format!(
                    "max_beings: {count} are too many; {BEINGS_MAX} live there"
                ));
                spawn.being_count_max = BEINGS_MAX;
            }
            let template = Some(spawn.template.as_str());
            let title = Value::Str(spawn.kind.clone());
            settling.dress(&mut spawn.attributes, template, &spawn.kind, &mut found);
            spawn.attributes.entry("title".to_owned()).or_insert(title);
            let written =
                Some(std::mem::take(&mut spawn.behaviour)).filter(|text| !text.is_empty());
            let behaviour = written.or_else(|| settling.behaviour(template));
            let behaviour = behaviour.unwrap_or_else(|| SPAWNED.to_owned());
            let behaviour = settling.check(behaviour, &spawn.attributes, &mut found);
            spawn.behaviour = behaviour.unwrap_or_else(|| "stand".to_owned());
        }
    }
}

struct Settling<'c> {
    files: &'c Files,
    settings: &'c Settings,
    /// The names of all paths.
    paths: BTreeSet<String>,
}

/// Where something was found to be wrong.
struct Found<'r> {
    file: &'r str,
    line: Option<u32>,
    report: &'r mut Report,
}

impl<'r> Found<'r> {
    fn new(file: &'r str, line: Option<u32>, report: &'r mut Report) -> Self {
        Self { file, line, report }
    }

    fn warn(&mut self, text: String) {
        self.report
            .add(Severity::Warning, self.file, self.line, text);
    }
}

impl Settling<'_> {
    /// Says once of a template, and not of all who are of it, that its behaviour is none.
    fn check_templates(&self, report: &mut Report) {
        for (name, values) in &self.settings.templates {
            let Some(behaviour) = values.get(BEHAVIOUR) else {
                continue;
            };
            let parsed = behaviour.as_str().map(Kind::parse);
            let wrong = match parsed {
                Some(Ok(_)) => continue,
                Some(Err(error)) => error.to_string(),
                None => "it is no text".to_owned(),
            };
            let text = format!("templates.{name}: behaviour: {wrong}");
            report.add(Severity::Warning, "world.toml", None, text);
        }
    }

    /// What a template says that those of it do, if it is a behaviour.
    fn behaviour(&self, template: Option<&str>) -> Option<String> {
        let template = self.settings.templates.get(template?)?;
        let behaviour = template.get(BEHAVIOUR)?.as_str()?;
        Kind::parse(behaviour).is_ok().then(|| behaviour.to_owned())
    }

    /// Adds what a template has, and a `visual` in any case. Text that is written where a rule wants a number is read as one.
    fn dress(
        &self,
        attributes: &mut BTreeMap<String, Value>,
        template: Option<&str>,
        visual: &str,
        found: &mut Found<'_>,
    ) {
        for (name, value) in attributes.iter_mut() {
            let rule = self.settings.rule(name);
            let is_numeric = matches!(rule.kind, settings::Kind::Int | settings::Kind::Number);
            if let (true, Value::Str(text)) = (is_numeric || name == "monster_id", &*value)
                && let Some(number) = number(text)
            {
                *value = number;
            }
            if let Err(wrong) = rule.admits(value) {
                found.warn(format!("{name}: {wrong}"));
            }
        }
        let template = template.map(|template| self.settings.template(template));
        for (name, value) in template.into_iter().flatten() {
            if name != BEHAVIOUR && !attributes.contains_key(name) {
                attributes.insert(name.clone(), value.clone());
            }
        }
        attributes
            .entry("visual".to_owned())
            .or_insert_with(|| Value::Str(visual.to_owned()));
    }

    /// A behaviour, if it is one; and says what is missing for it.
    fn check(
        &self,
        text: String,
        attributes: &BTreeMap<String, Value>,
        found: &mut Found<'_>,
    ) -> Option<String> {
        let kind = match Kind::parse(&text) {
            Ok(kind) => kind,
            Err(error) => {
                found.warn(format!("behaviour: {error}"));
                return None;
            }
        };
        let attribute = attributes.get("path").and_then(Value::as_str);
        match (&kind, kind.path(attribute)) {
            (Kind::Patrol(_), None) => {
                found.warn("a patrol without a path: name one by its property path".to_owned());
            }
            (_, Some(path)) if !self.paths.contains(path) => {
                let paths: Vec<&str> = self.paths.iter().map(String::as_str).collect();
                let paths = if paths.is_empty() {
                    "there is none on any map".to_owned()
                } else {
                    format!("there are {}", paths.join(", "))
                };
                found.warn(format!("there is no path {path:?}; {paths}"));
            }
            _ => {}
        }
        if let Kind::Script(name) = &kind
            && !self.files.contains_key(&format!("behaviours/{name}.lua"))
        {
            found.warn(format!("there is no script behaviours/{name}.lua"));
        }
        Some(text)
    }
}

/// The key of a template that is no attribute.
const BEHAVIOUR: &str = "behaviour";

fn number(text: &str) -> Option<Value> {
    let text = text.trim();
    let whole = text.parse().ok().map(Value::Int);
    whole.or_else(|| text.parse().ok().map(Value::Float))
}
