//! What the container engine keeps and nothing uses. The engine counts it when it is asked, which may take long where it
//! has much: so it is asked by a collector of its own, and once.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::engine::Engine;
use super::ground::Ground;
use super::{Collector, Put, containers};
use crate::facts::Fact;
use crate::facts::containers::Hoard;

pub(super) const COLLECTOR: Collector = Collector {
    name: "hoard",
    within: Duration::from_millis(450),
    read,
    blind: |facts, why| facts.hoard = Fact::unknown(format!("what the engine keeps: {why}")),
};

/// Time for the engine to count.
const ANSWER: Duration = Duration::from_millis(400);
/// From this version of its interface on it counts only what is asked for: not what containers and volumes hold.
const PARTS: (u32, u32) = (1, 42);

fn read(ground: &Ground) -> Put {
    let hoard = match (ground.live, containers::socket(ground)) {
        (false, _) => Fact::nothing("only files were read"),
        (true, Fact::Known(socket)) => match count(&socket) {
            Ok(Some(hoard)) => Fact::Known(hoard),
            Ok(None) => Fact::nothing(
                "this engine would walk every volume to count, and go on after nobody waits; `docker system df` asks it",
            ),
            Err(why) => Fact::unknown(format!("what the engine keeps: {why}")),
        },
        (true, Fact::Unknown { why }) => Fact::unknown(why),
        (true, Fact::Nothing { why }) => Fact::nothing(why),
    };
    Box::new(|facts| facts.hoard = hoard)
}

/// None from an engine that cannot be asked for a part.
fn count(socket: &str) -> Result<Option<Hoard>, String> {
    let engine = Engine::new(Path::new(socket), Instant::now() + ANSWER);
    let gone = || "it does not know the question".to_owned();
    let version = engine.get("/version")?.ok_or_else(gone)?;
    let spoken = version.get("ApiVersion").and_then(Value::as_str).and_then(|text| text.split_once('.'));
    let spoken = spoken.and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    if spoken.is_none_or(|spoken: (u32, u32)| spoken < PARTS) {
        return Ok(None);
    }
    let counted = engine.get("/system/df?type=image&type=build-cache")?.ok_or_else(gone)?;
    let about = engine.get("/info")?.ok_or_else(gone)?;
    let mut hoard = hoard(&counted);
    about.get("DockerRootDir").and_then(Value::as_str).unwrap_or_default().clone_into(&mut hoard.folder);
    Ok(Some(hoard))
}

fn hoard(counted: &Value) -> Hoard {
    let all = |name: &str| counted.get(name).and_then(Value::as_array).into_iter().flatten();
    let number = |of: &Value, path: &str| of.pointer(path).and_then(Value::as_i64).unwrap_or(-1);
    let bytes = |of: &Value, path: &str| u64::try_from(number(of, path)).unwrap_or(0);
    let flag = |of: &Value, name: &str| of.get(name).and_then(Value::as_bool).unwrap_or(false);
    let mut seen = Hoard::default();
    for image in all("Images").filter(|image| number(image, "/Containers") == 0) {
        seen.images.0 += 1;
        // What others share goes only with the last of them.
        seen.images.1 += bytes(image, "/Size").saturating_sub(bytes(image, "/SharedSize"));
    }
    seen.cache = all("BuildCache")
        .filter(|step| !flag(step, "InUse") && !flag(step, "Shared"))
        .map(|step| bytes(step, "/Size"))
        .sum();
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nothing_uses_is_counted() {
        let counted = serde_json::json!({
            "Images": [
                {"Containers": 0, "Size": 900, "SharedSize": 300},
                {"Containers": 1, "Size": 5000, "SharedSize": 0},
                {"Containers": -1, "Size": 5000, "SharedSize": -1},
            ],
            "BuildCache": [{"InUse": false, "Shared": false, "Size": 70}, {"InUse": true, "Shared": false, "Size": 9}],
        });
        let seen = hoard(&counted);
        assert_eq!((seen.images, seen.cache), ((1, 600), 70));
        assert_eq!(hoard(&serde_json::json!({})), Hoard::default());
    }
}
