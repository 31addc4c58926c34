//! The host, its configuration and its record as they are now.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use muster_config::job_only::names_only;
use muster_config::render::render;
use muster_core::ids::ExpectationId;
use muster_host::adopt::candidate::{Candidate, Left, Standing, Terms, candidates, on_disk};
use muster_host::adopt::place::Place;
use muster_host::adopt::record::{Record, mark};
use muster_host::adopt::rewrite::{Wrapper, replaced};
use muster_host::adopt::{drop_in, rewrite};
use muster_host::discover::{Look, Reach, look};
use muster_host::state::Layout;

use super::change::Change;
use super::entry;
use crate::cli::init;
use crate::draft;
use crate::exit_code::ExitCode;
use crate::refusal::Refusal;
use crate::world::World;

/// Names of jobs with the texts that muster.toml gets for them.
pub(crate) type Entries = Vec<(String, String)>;

/// Everything that a plan is made from.
pub(crate) struct Scene<'w> {
    world: &'w World,
    root: PathBuf,
    look: Look,
    /// muster.toml.
    config: PathBuf,
    text: Option<String>,
    program: PathBuf,
    options: Vec<(&'static str, String)>,
    pub(crate) layout: Layout,
    pub(crate) record: Record,
    pub(crate) candidates: Vec<Candidate>,
}

impl<'w> Scene<'w> {
    /// Looks at the host whose files are under `root`.
    ///
    /// # Errors
    /// [`Refusal`] when the configuration is faulty or something of muster's own cannot be read.
    pub(crate) fn new(world: &'w World, root: &Path) -> Result<Self, Refusal> {
        let layout = world.layout()?;
        let configuration = world
            .named_config()
            .filter(|path| !path.exists())
            .map_or_else(|| world.configuration(), |_| Ok(None))?;
        let config = configuration.as_ref().map_or_else(|| init::usual_place(world), |one| one.path.clone());
        let config = std::path::absolute(&config)
            .map_err(|error| Refusal::system(format!("cannot make {} absolute", config.display()), &error))?;
        if let Some(configuration) = &configuration {
            let (plan, faults) = configuration.judge();
            if plan.is_none() {
                world.complain(&render(&faults, &configuration.text));
                return Err(Refusal::usage(format!(
                    "{} is faulty, and nothing is added to a faulty file",
                    config.display()
                ))
                .help(format!("`muster config check {}` shows the faults again", config.display())));
            }
        }
        let record = Record::read(&layout)
            .map_err(|error| Refusal::system("the record of adoptions cannot be read", &error))?
            .unwrap_or_default();
        let program = std::env::current_exe()
            .map_err(|error| Refusal::system("this program does not know where it is installed", &error))?;
        let options = options(&config, &layout)?;
        let here = root == Path::new("/");
        let look = look(root, if here { Reach::Machine } else { Reach::Files });
        let text = configuration.map(|one| one.text);
        let mut scene = Self {
            world,
            root: root.to_owned(),
            look,
            config,
            text,
            program,
            options,
            layout,
            record,
            candidates: Vec::new(),
        };
        let wrapper = scene.wrapper();
        let timers = here && rustix::process::geteuid().is_root();
        let terms = Terms { root: &scene.root, program: &scene.program, wrapper: &wrapper, timers };
        scene.candidates = candidates(&scene.look, &terms);
        Ok(scene)
    }

    fn wrapper(&self) -> Wrapper {
        use std::os::unix::ffi::OsStrExt;
        let options: Vec<(&str, &[u8])> =
            self.options.iter().map(|(option, value)| (*option, value.as_bytes())).collect();
        Wrapper::new(self.program.as_os_str().as_bytes(), &options)
    }

    /// muster.toml with the entries of these that it does not have, and the entries.
    ///
    /// # Errors
    /// [`Refusal`] when the file would not be read back.
    pub(crate) fn import(&self, jobs: &[&Candidate]) -> Result<(Option<Change>, Entries), Refusal> {
        let text = self.text.clone();
        let zone = self.world.zone_name();
        let written = names_only(text.as_deref().unwrap_or_default());
        let mut seen = BTreeSet::new();
        let entries: Entries = jobs
            .iter()
            .filter(|one| ExpectationId::of("job", &one.name).is_ok_and(|id| !written.contains(&id)))
            .filter(|one| seen.insert(one.name.clone()))
            .map(|one| (one.name.clone(), entry::entry(one, &zone)))
            .collect();
        if entries.is_empty() {
            return Ok((None, entries));
        }
        let before = text.clone().unwrap_or_else(|| draft::head(&self.look.roll, &zone));
        let texts: Vec<String> = entries.iter().map(|(_, text)| text.clone()).collect();
        let after = entry::appended(&before, &texts);
        Ok((Some(self.configured(after)?), entries))
    }

    /// muster.toml without the entries that were added for these jobs, and the names whose entries somebody changed.
    pub(crate) fn export(&self, names: &BTreeSet<String>) -> Result<(Option<Change>, Vec<String>), Refusal> {
        let Some(text) = &self.text else { return Ok((None, Vec::new())) };
        let added: Vec<(&str, &str)> = names
            .iter()
            .filter_map(|name| Some((name.as_str(), self.record.entries.get(name)?.as_str())))
            .collect();
        let (after, stay) = entry::taken_out(text, &added);
        let written = names_only(text);
        let is_written = |name: &str| ExpectationId::of("job", name).is_ok_and(|id| written.contains(&id));
        let stay = stay.into_iter().filter(|name| is_written(name)).map(str::to_owned).collect();
        let change = if after == *text { None } else { Some(self.configured(after)?) };
        Ok((change, stay))
    }

    /// The new text, once the real reader takes it.
    fn configured(&self, after: String) -> Result<Change, Refusal> {
        let fresh = self.world.empty_configuration().with(&self.config, after);
        let (plan, faults) = fresh.judge();
        if plan.is_none() {
            self.world.complain(&render(&faults, &fresh.text));
            return Err(Refusal::new(
                ExitCode::Refused,
                "muster.toml would not be read back, and nothing was changed",
            )
            .help("add a table by hand for the job that is at fault, then try again"));
        }
        let name = self.config.display().to_string();
        let old = self.text.clone().map(String::into_bytes);
        Ok(Change::of_file(name, self.config.clone(), old, fresh.text.into_bytes()))
    }

    /// Wraps the lines of these, and writes drop-ins for their services.
    pub(crate) fn wrap(&self, jobs: &[&Candidate]) -> Vec<Change> {
        let mut changes = Vec::new();
        for text in &self.look.texts {
            let commands: Vec<(usize, Vec<u8>)> = jobs
                .iter()
                .filter(|one| one.place == text.place)
                .filter_map(|one| Some((one.line, new_command(&one.standing)?)))
                .collect();
            let new = replaced(&text.bytes, text.form, &commands);
            changes.extend(self.crontab(&text.place, new));
        }
        let options: Vec<(&str, &str)> =
            self.options.iter().map(|(option, value)| (*option, value.as_str())).collect();
        let program = self.program.to_string_lossy();
        for one in jobs {
            if let Some(service) = service(&one.standing) {
                let path = drop_in::path(&self.root, &service.name);
                let text = drop_in::text(&program, &options, &one.name);
                let old = std::fs::read(&path).ok();
                changes.push(Change::of_file(path.display().to_string(), path, old, text.into_bytes()));
            }
        }
        changes
    }

    /// Takes the wrapper away from the lines of these names, and the drop-ins; the names that were found.
    pub(crate) fn unwrap(&self, names: &BTreeSet<String>) -> (Vec<Change>, BTreeSet<String>) {
        let (mut changes, mut found) = (Vec::new(), BTreeSet::new());
        for text in &self.look.texts {
            let (new, those) = rewrite::released(&text.bytes, text.form, |name| names.contains(name));
            found.extend(those);
            changes.extend(self.crontab(&text.place, new));
        }
        for name in names {
            let of_timer = self.candidates.iter().find(|one| one.name == *name && one.line == 0);
            let Some(timer) = of_timer else { continue };
            for service in drop_in::services(&[&timer.place]) {
                let path = drop_in::path(&self.root, &service.name);
                if let Ok(old) = std::fs::read(&path) {
                    found.insert(name.clone());
                    changes.push(Change::of_file(path.display().to_string(), path, Some(old), Vec::new()));
                }
            }
        }
        (changes, found)
    }

    fn crontab(&self, place: &str, new: Vec<u8>) -> Option<Change> {
        let text = self.look.texts.iter().find(|text| text.place == place)?;
        if new == text.bytes {
            return None;
        }
        let old = Some(text.bytes.clone());
        let change = Change::of_file(place.to_owned(), on_disk(&self.root, place), old, new);
        Some(if text.by_crontab { Change { place: Place::OwnCrontab, ..change } } else { change })
    }

    /// The record is not as it was written down.
    ///
    /// # Errors
    /// [`Refusal`] when it cannot be read.
    pub(crate) fn has_news(&self) -> Result<bool, Refusal> {
        let written = Record::read(&self.layout)
            .map_err(|error| Refusal::system("the record of adoptions cannot be read", &error))?;
        Ok(written.unwrap_or_default() != self.record)
    }

    /// What tells everything again that does not report after this: it is known, and no newcomer.
    pub(crate) fn known(&self) -> BTreeSet<String> {
        let reports = |one: &&Candidate| one.standing != Standing::Reports;
        self.candidates.iter().filter(reports).map(|one| mark(&one.place, &one.user, &one.command)).collect()
    }
}

fn new_command(standing: &Standing) -> Option<Vec<u8>> {
    match standing {
        Standing::Line(command) => Some(command.clone()),
        Standing::Left(Left { unless_named: Some(inner), .. }) => new_command(inner),
        Standing::Left(_) | Standing::Timer(_) | Standing::Reports => None,
    }
}

fn service(standing: &Standing) -> Option<&drop_in::Service> {
    match standing {
        Standing::Timer(service) => Some(service),
        Standing::Left(Left { unless_named: Some(inner), .. }) => service(inner),
        Standing::Left(_) | Standing::Line(_) | Standing::Reports => None,
    }
}

/// What the wrapper must be told because it would not find it by itself: cron sets neither our variables nor our folder.
fn options(config: &Path, layout: &Layout) -> Result<Vec<(&'static str, String)>, Refusal> {
    let text = |path: &Path| {
        path.to_str().map(str::to_owned).ok_or_else(|| {
            Refusal::usage(format!("{} is not UTF-8, and a crontab could not name it", path.display()))
        })
    };
    let mut options = Vec::new();
    if config != Path::new("/etc/muster/muster.toml") {
        options.push(("--config", text(config)?));
    }
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state/muster"));
    let usual =
        if rustix::process::geteuid().is_root() { Some(PathBuf::from("/var/lib/muster")) } else { home() };
    let state = std::path::absolute(layout.root())
        .map_err(|error| Refusal::system("the state directory cannot be made absolute", &error))?;
    if Some(&state) != usual.as_ref() {
        options.push(("--state", text(&state)?));
    }
    Ok(options)
}
