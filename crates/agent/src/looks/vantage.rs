//! Looking from inside a container's network. The look runs on a thread of its own that has entered the network
//! namespace of the container (setns(2)); names are resolved by the container's own name servers.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use muster_checks::look::{Looked, look};
use muster_checks::notebook::Notebook;
use muster_checks::probe::{Part, Scene};
use muster_net::reach::Resolver;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Where the Docker engine listens.
const DOCKER: &str = "/var/run/docker.sock";
/// The longest answer of the engine about one container, in bytes.
const ANSWER: u64 = 1 << 20;
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks once from inside a container.
pub(super) async fn look_from(container: String, probe: Part, timeout: Duration) -> Looked {
    let (reply, answer) = oneshot::channel();
    let thread = std::thread::Builder::new().name("vantage".into()).spawn(move || {
        let looked = match enter(&container) {
            Ok(resolver) => look_here(&probe, resolver, timeout),
            Err(why) => {
                Looked::blind(format!("the network of container {container} cannot be entered: {why}"))
            }
        };
        // Whoever asked may have gone.
        drop(reply.send(looked));
    });
    if let Err(error) = thread {
        return Looked::blind(format!("no thread for the container's network: {error}"));
    }
    match answer.await {
        Ok(looked) => looked,
        Err(_) => Looked::blind("the thread in the container's network ended without a word"),
    }
}

fn look_here(probe: &Part, resolver: Resolver, timeout: Duration) -> Looked {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return Looked::blind(format!("no runtime for the container's network: {error}")),
    };
    runtime.block_on(async {
        let scene = Scene { deadline: Instant::now() + timeout, resolver, notebook: Notebook::default() };
        look(probe.as_ref(), &scene).await
    })
}

/// Moves this thread into the network of a container; its name servers.
fn enter(container: &str) -> Result<Resolver, String> {
    let pid = pid_of(container)?;
    let path = format!("/proc/{pid}/ns/net");
    let namespace = File::open(&path).map_err(|error| format!("{path}: {error}"))?;
    // Read before the move: afterwards it is the same file, but a container that ends meanwhile is told apart.
    let servers = name_servers(Path::new(&format!("/proc/{pid}/root/etc/resolv.conf")));
    rustix::thread::move_into_link_name_space(
        std::os::fd::AsFd::as_fd(&namespace),
        Some(rustix::thread::LinkNameSpaceType::Network),
    )
    .map_err(|error| format!("{error} (this needs root)"))?;
    Ok(Resolver::Servers(servers))
}

fn name_servers(path: &Path) -> Vec<SocketAddr> {
    let Ok(file) = File::open(path) else { return Vec::new() };
    let lines = BufReader::new(file.take(64 * 1024)).lines().map_while(Result::ok);
    lines
        .filter_map(|line| line.strip_prefix("nameserver")?.trim().parse::<IpAddr>().ok())
        .map(|address| SocketAddr::new(address, 53))
        .take(3)
        .collect()
}

/// The process that a container runs, from the engine (GET /containers/NAME/json).
fn pid_of(container: &str) -> Result<u32, String> {
    let engine = std::env::var("DOCKER_HOST").ok();
    let socket = engine.as_deref().and_then(|host| host.strip_prefix("unix://")).unwrap_or(DOCKER);
    let ask = || -> std::io::Result<Vec<u8>> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let request = format!("GET /containers/{container}/json HTTP/1.0\r\nHost: docker\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.take(ANSWER).read_to_end(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(|error| format!("the Docker engine at {socket}: {error}"))?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or("the Docker engine broke off")?;
    let head = String::from_utf8_lossy(&answer[..end]);
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status == "404" {
        return Err("there is no container of that name".into());
    }
    if status != "200" {
        return Err(format!("the Docker engine answered {status}"));
    }
    let body: serde_json::Value = serde_json::from_slice(&answer[end + 4..])
        .map_err(|error| format!("the Docker engine's answer: {error}"))?;
    match body.pointer("/State/Pid").and_then(serde_json::Value::as_u64) {
        Some(pid) if pid > 0 => u32::try_from(pid).map_err(|error| error.to_string()),
        _ => Err("it does not run".into()),
    }
}
