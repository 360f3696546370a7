//! Parses the input as a filter expression.
//!
//! Holds: a mistake is shown at a place inside the expression; parsing again gives the same answer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use unspool_analyze::filter::Filter;

fuzz_target!(|expression: &str| {
    let again = Filter::parse(expression).err();
    match Filter::parse(expression) {
        Ok(_) => assert!(again.is_none()),
        Err(error) => {
            assert!(!error.message.is_empty());
            assert!(error.span.start <= error.span.end && error.span.end <= expression.len());
            assert!(!error.point(expression).is_empty());
            assert_eq!(Some(error), again);
        }
    }
});
