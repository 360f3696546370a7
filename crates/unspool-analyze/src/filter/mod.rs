//! The filter language: `fd.name startswith /etc and evt.latency > 1ms`.

mod compile;
mod lex;
mod parse;
mod sql;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

use unspool_model::fields::Field;
use unspool_model::ids::ProcessId;
use unspool_model::step::Step;
use unspool_model::world::World;

/// Longest expression in bytes.
pub const EXPRESSION_BYTES_MAX: usize = 64 << 10;
/// Deepest nesting of brackets and `not`.
pub const NESTING_MAX: usize = 64;

/// A compiled filter.
pub struct Filter {
    test: Test,
    scratch: Vec<u8>,
    needs_args: bool,
    since_ns: Option<i64>,
    until_ns: Option<i64>,
}

/// What a filter is made of.
type Test = Box<dyn Fn(&Step<'_>, &World, &mut Vec<u8>) -> bool>;

/// Why an expression is none, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FilterError {
    /// What is wrong.
    pub message: String,
    /// Bytes of the expression that are.
    pub span: Range<usize>,
    /// What to do, when something is known.
    pub hint: Option<String>,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for FilterError {}

impl FilterError {
    /// The expression with a line of marks under what is wrong.
    pub fn point(&self, expression: &str) -> String {
        let before = expression.get(..self.span.start).unwrap_or(expression);
        let marked = expression.get(self.span.clone()).unwrap_or("");
        format!(
            "{}\n{}{}",
            expression.replace(char::is_control, " "),
            " ".repeat(before.chars().count()),
            "^".repeat(marked.chars().count().max(1))
        )
    }
}

impl Filter {
    /// Compiles an expression.
    pub fn parse(expression: &str) -> Result<Self, FilterError> {
        let tree = parse::parse(expression)?;
        let mut needs_args = false;
        parse::each_field(&tree, &mut |field: &Field| {
            needs_args |= field.needs_args();
        });
        Ok(Self {
            test: compile::compile(tree),
            scratch: Vec::new(),
            needs_args,
            since_ns: None,
            until_ns: None,
        })
    }

    /// The same as a condition of SQL over the table `fields` of `unspool query`.
    pub fn sql(expression: &str) -> Result<String, FilterError> {
        Ok(sql::sql(&parse::parse(expression)?))
    }

    /// Lets everything through.
    pub fn all() -> Self {
        Self {
            test: Box::new(|_, _, _| true),
            scratch: Vec::new(),
            needs_args: false,
            since_ns: None,
            until_ns: None,
        }
    }

    /// Only steps that start at this time or later, and before that one.
    #[must_use]
    pub fn within(mut self, since_ns: Option<i64>, until_ns: Option<i64>) -> Self {
        self.since_ns = since_ns;
        self.until_ns = until_ns;
        self
    }

    /// Only steps of the process: its name, or its pid, or `#` and its id.
    #[must_use]
    pub fn of_process(self, process: &str) -> Self {
        let inner = self.test;
        let name = process.as_bytes().to_vec();
        let pid: Option<u32> = process.parse().ok();
        let id: Option<ProcessId> = process
            .strip_prefix('#')
            .and_then(|id| id.parse().ok())
            .map(ProcessId);
        Self {
            test: Box::new(move |step, world, scratch| {
                let is_named = || {
                    world
                        .process(step.process)
                        .is_some_and(|process| process.name_at(step.seq) == name)
                };
                let matches = match (id, pid) {
                    (Some(id), _) => step.process == id,
                    (None, Some(pid)) => step.pid.0 == pid || is_named(),
                    (None, None) => is_named(),
                };
                matches && inner(step, world, scratch)
            }),
            ..self
        }
    }

    /// Whether it reads the arguments of steps.
    pub fn needs_args(&self) -> bool {
        self.needs_args
    }

    /// Whether the step is let through.
    pub fn matches(&mut self, step: &Step<'_>, world: &World) -> bool {
        self.since_ns.is_none_or(|since| step.time_ns >= since)
            && self.until_ns.is_none_or(|until| step.time_ns < until)
            && (self.test)(step, world, &mut self.scratch)
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter")
            .field("since_ns", &self.since_ns)
            .field("until_ns", &self.until_ns)
            .finish_non_exhaustive()
    }
}
