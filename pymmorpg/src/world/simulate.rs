//! `world simulate`: a world alone, with players who walk about at random; how long its ticks take, and what lives in it. What a designer runs before a
//! map is published. There is no network and no database.

mod around;
mod figures;
mod gateway;
mod server;
mod walkers;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use world::{
    content::{Content, Placements},
    region::TICK_MS,
};

use super::{Progress, check};
use figures::Figures;
use server::Server;

pub(super) const LONG_ABOUT: &str = "Let a world run without network and database, and say how long its ticks take and what lives in it.\n\n\
    All regions of all maps are on one zone server in this process, which does one thing after the other. Players walk about at random, spread over the maps, \
    as fast as the world lets them; the regions that they see are awake, the others asleep. The world's time goes as fast as this machine can.\n\n\
    A tick is all that all regions do in 50 ms of the world's time, on one core. A zone server uses all cores, and lets the uthreads of one region wait for the next \
    tick after 10 ms; here nobody waits, so that the same seed gives the same world on every machine, and the ticks of a region that have \
    taken longer are counted.\n\n\
    Exit code: 0 if the world can be served, 1 if it cannot.";

pub(super) const EXAMPLES: &str = "Examples:\n  pymmorpg world simulate my-world --players 200 --seconds 60\n  \
    pymmorpg world simulate my-world --players 0 --seconds 10 --json";

/// How often the bar is drawn anew, in ticks.
const BAR_TICKS: u64 = 20;

/// What is simulated.
#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// The world's folder.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// How many players walk about.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(..=100_000))]
    players: u32,
    /// How long, in seconds of the world's time.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    /// What all chance depends on: the same seed, the same world.
    #[arg(long, default_value_t = 1)]
    seed: u32,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// The command.
pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let checked = check::read(&arguments.folder, Placements::new(), Progress::shown()).await?;
    let Some(content) = checked.content else {
        for problem in &checked.report.problems {
            eprintln!("{problem}");
        }
        let folder = arguments.folder.display();
        eprintln!("error: the world {folder} cannot be served; nothing was simulated");
        return Ok(ExitCode::FAILURE);
    };
    let Arguments { folder, json, .. } = arguments.clone();
    let figures = tokio::task::spawn_blocking(move || simulate(&content, &arguments))
        .await
        .context("the world cannot be simulated: a fault in this program")?;
    if json {
        println!("{}", figures.document(&folder));
    } else {
        println!("{figures}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Lets the world run.
fn simulate(content: &Content, arguments: &Arguments) -> Figures {
    let tick_count = u64::from(arguments.seconds) * 1_000 / TICK_MS;
    let bar = bar(tick_count);
    let mut server = Server::new(content, arguments.seed);
    server.populate(arguments.players);
    let mut ticks = Vec::new();
    for tick in 1..=tick_count {
        ticks.push(server.tick());
        if tick.is_multiple_of(BAR_TICKS) {
            bar.set_position(tick);
        }
    }
    bar.finish_and_clear();
    Figures::of(&server, ticks)
}

/// Shown on standard error if that is a terminal.
fn bar(tick_count: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {percent} % of the time, {eta} left");
    let bar = ProgressBar::with_draw_target(Some(tick_count), ProgressDrawTarget::stderr());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A meadow of four regions, with slimes that wander and one that follows a script.
    fn content() -> Content {
        let map = r#"<map version="1.10" orientation="orthogonal" width="48" height="48" tilewidth="16" tileheight="16" infinite="0">
 <objectgroup id="1" name="things">
  <object id="1" type="start" x="64" y="64"><point/></object>
  <object id="2" name="Slime" type="spawn" x="0" y="0" width="768" height="768">
   <properties><property name="max_beings" type="int" value="40"/><property name="behaviour" value="wander"/></properties>
  </object>
  <object id="3" name="Old Tom" type="npc" x="320" y="320"><point/>
   <properties><property name="behaviour" value="tom.lua"/></properties>
  </object>
 </objectgroup>
</map>"#;
        let script =
            "return function(me)\n  while true do me:step(0.1, 0) coroutine.yield(4) end\nend";
        let files: BTreeMap<String, bytes::Bytes> = BTreeMap::from([
            ("world.toml".to_owned(), "cell = 24\nspeed = 8\n".into()),
            ("meadow.tmx".to_owned(), map.into()),
            ("behaviours/tom.lua".to_owned(), script.into()),
        ]);
        let loaded = world::content::load(&files, &Placements::new());
        assert!(loaded.content.is_some(), "{:?}", loaded.report.problems);
        loaded.content.unwrap()
    }

    fn figures(players: u32, seconds: u32, seed: u32) -> Figures {
        let arguments = Arguments {
            folder: PathBuf::new(),
            players,
            seconds,
            seed,
            json: false,
        };
        simulate(&content(), &arguments)
    }

    #[test]
    fn everybody_walks_and_is_seen() {
        let figures = figures(8, 20, 1);
        assert_eq!(figures.tick_count, 400);
        assert_eq!(figures.creatures, (41, 41), "alive, and wanted");
        assert!(figures.step_count > 8 * 100, "{figures}");
        assert!(figures.handover_count > 0, "{figures}");
        assert!(figures.awake_count > 0, "{figures}");
        assert_eq!(figures.player_count, 8);
        let names: Vec<&str> = figures.uthreads.keys().map(|name| &**name).collect();
        assert!(names.ends_with(&["tom", "wander"]), "{names:?}");
        for own in ["player:command", "system:publishing", "system:saving"] {
            assert!(figures.uthreads[own].resume_count > 0, "{own}");
        }
        assert_eq!(figures.uthreads["player:command"].uthread_count, 8);
        assert_eq!(figures.failures, Vec::<String>::new());
    }

    #[test]
    fn nobody_sees_what_sleeps() {
        let figures = figures(0, 20, 1);
        assert_eq!((figures.awake_count, figures.asleep_count), (0, 4));
        assert!(figures.uthreads.values().any(|one| one.resume_count > 0));
    }

    #[test]
    fn the_same_seed_gives_the_same_world() {
        let [one, same, other] = [7, 7, 8].map(|seed| figures(8, 30, seed).fingerprint);
        assert_eq!(one, same);
        assert_ne!(one, other);
    }
}
