//! Settings as a server holds them, put behind those of its files: the last one counts.

use crate::facts::Fact;
use crate::facts::database::{Databases, Setting, Settings};
use crate::facts::postgres::Server;

pub(super) fn settings(servers: &Fact<Vec<Server>>, databases: &mut Fact<Databases>) {
    let Some(servers) = servers.known() else { return };
    for server in servers {
        let Some(said) = server.said.known() else { continue };
        if let Fact::Nothing { .. } = databases {
            *databases = Fact::Known(Databases::default());
        }
        let Fact::Known(databases) = databases else { return };
        let file = said.config_file.clone().unwrap_or_else(|| format!("{}/postgresql.conf", server.data));
        let place = databases.clusters.iter().position(|cluster| cluster.file == file).unwrap_or_else(|| {
            databases.clusters.push(Settings { file: file.clone(), settings: Vec::new() });
            databases.clusters.len() - 1
        });
        let Some(cluster) = databases.clusters.get_mut(place) else { return };
        for held in said.settings.iter().filter(|held| !held.own) {
            let told = cluster.get(&held.name);
            let (file, line) = match (&held.file, held.line) {
                (Some(file), Some(line)) => (file.clone(), line),
                // What holds without a word of any file says nothing new, unless a file says otherwise.
                _ if told.is_none() && held.name != "port" => continue,
                _ => (format!("SHOW {} (port {})", held.name, server.port), 0),
            };
            let (name, value) = (held.name.clone(), held.value.clone());
            cluster.settings.push(Setting { name, value, file, line });
        }
    }
}
