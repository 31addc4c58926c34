//! Dockerfiles as they were written. Values that may be secrets are not kept.

use serde::{Deserialize, Serialize};

/// All that were found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipes {
    /// In the order of their paths.
    pub all: Vec<Recipe>,
    /// What could not be read, and why.
    pub unseen: Vec<(String, String)>,
}

/// One Dockerfile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Its path.
    pub path: String,
    /// Instructions in order.
    pub steps: Vec<Step>,
    /// A `.env` lies in its folder.
    pub env_file: bool,
    /// `.dockerignore` keeps that out.
    pub env_ignored: bool,
}

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Line number, from 1.
    pub line: u32,
    /// In capitals: `FROM`, `RUN`…
    pub verb: String,
    /// The rest, on one line; secrets blotted.
    pub words: String,
    /// Variables that it sets to a value of its own: names only, for `ENV` and `ARG`.
    pub sets: Vec<String>,
}

impl Recipe {
    /// The instructions of the last stage, `FROM` first.
    pub fn last_stage(&self) -> &[Step] {
        let from = self.steps.iter().rposition(|step| step.verb == "FROM").unwrap_or(0);
        &self.steps[from..]
    }

    /// The last instruction of that name in the last stage.
    pub fn last(&self, verb: &str) -> Option<&Step> {
        self.last_stage().iter().rev().find(|step| step.verb == verb)
    }
}

impl Step {
    /// The words of `["a", "b"]`; none in the form that a shell reads.
    pub fn exec_form(&self) -> Option<Vec<String>> {
        serde_json::from_str(self.words.trim()).ok()
    }
}
