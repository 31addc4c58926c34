//! The service as its users see it: through its public address, from where the deployer is.

use std::time::{Duration, Instant};

use muster_config::plan::ServiceSpec;

use crate::health::Health;

/// So many good answers are needed.
const ANSWERS: u32 = 3;

/// Asks every public name; none if there is none.
pub(super) fn ask(spec: &ServiceSpec, within: Duration) -> Result<(), String> {
    let health = Health::new(&spec.health)?;
    let until = Instant::now() + within;
    for domain in &spec.domains {
        let mut good = 0;
        while good < ANSWERS {
            let secure = health.ask_at(&format!("https://{domain}{}", spec.health.path));
            let answer = match secure {
                // Nobody speaks TLS there: a service without a certificate yet.
                Err(why) if is_refused(&why) => {
                    health.ask_at(&format!("http://{domain}{}", spec.health.path))
                }
                other => other,
            };
            match answer {
                Ok(()) => good += 1,
                Err(why) if Instant::now() >= until => return Err(format!("{domain}: {why}")),
                Err(_) => {
                    good = 0;
                    std::thread::sleep(Duration::from_millis(200));
                }
            }
        }
    }
    Ok(())
}

fn is_refused(why: &str) -> bool {
    why.contains("refused")
}
