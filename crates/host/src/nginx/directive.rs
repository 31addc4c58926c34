//! One directive of nginx, and the tree that they make.

use serde::{Deserialize, Serialize};

/// A directive with what stands in its braces, or in the files that it includes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directive {
    /// Which of the files.
    pub file: u32,
    /// Line number, from 1.
    pub line: u32,
    /// Where it begins in the file, in bytes.
    pub at: u64,
    /// Its name.
    pub name: String,
    /// Its arguments; whoever keeps them drops those that may hold secrets.
    pub words: Vec<String>,
    /// What is in it.
    pub inner: Vec<Directive>,
}

impl Directive {
    /// What is in it, included files as if they stood there.
    pub fn children(&self) -> Vec<&Directive> {
        let mut children = Vec::new();
        flatten(&self.inner, &mut children);
        children
    }

    /// Its first argument.
    pub fn word(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }
}

/// Every directive of a tree with those that it stands in, the outermost first; included files count as if they stood
/// there.
pub fn each<'n>(directives: &'n [Directive], visit: &mut impl FnMut(&[&'n Directive], &'n Directive)) {
    walk(directives, &mut Vec::new(), visit);
}

fn flatten<'n>(directives: &'n [Directive], all: &mut Vec<&'n Directive>) {
    for directive in directives {
        match directive.name.as_str() {
            "include" => flatten(&directive.inner, all),
            _ => all.push(directive),
        }
    }
}

fn walk<'n>(
    directives: &'n [Directive],
    outer: &mut Vec<&'n Directive>,
    visit: &mut impl FnMut(&[&'n Directive], &'n Directive),
) {
    for directive in directives {
        visit(outer, directive);
        if directive.name == "include" {
            walk(&directive.inner, outer, visit);
        } else {
            outer.push(directive);
            walk(&directive.inner, outer, visit);
            outer.pop();
        }
    }
}
