//! From a document to a filter.

use super::compare::{Class, class};
use super::{Condition, Filter, Operator};
use crate::codec::raw::{self, Element, kind};
use crate::error::{Error, Result};

/// How much of a name is shown in a message: enough for every one that is meant well.
const SHOWN_CHARS: usize = 40;

impl Filter {
    /// Reads a filter from a BSON document. A key that is one of the names of `indexes` means the value of that
    /// name, every other one what is in the session. An array stands for any of its elements, an object whose
    /// keys are operators for these, and everything else for itself.
    ///
    /// # Errors
    ///
    /// [`Error::Filter`] naming what is wrong, but for the values; [`Error::Serialization`] when the
    /// bytes are not BSON.
    pub fn parse(document: &[u8], indexes: &[String]) -> Result<Self> {
        let mut conditions = Vec::new();
        for element in raw::elements(document) {
            let element = element?;
            let path = path(element.key)?;
            let mut add = |operator, operand: Element<'_>| {
                check(operator, operand)?;
                conditions.push(Condition {
                    is_index: indexes.iter().any(|name| name == path),
                    path: path.to_owned(),
                    operator,
                    operand: (operand.kind, operand.value.to_vec()),
                });
                Ok(())
            };
            match element.kind {
                kind::ARRAY => add(Operator::In, element)?,
                kind::DOCUMENT if has_operators(element)? => {
                    for operand in raw::elements(element.value) {
                        let operand = operand?;
                        add(operator(operand.key)?, operand)?;
                    }
                }
                _ => add(Operator::Eq, element)?,
            }
        }
        Ok(Self { conditions })
    }
}

fn refused(problem: impl Into<String>) -> Error {
    Error::Filter(problem.into())
}

fn path(key: &[u8]) -> Result<&str> {
    let path = name(key)?;
    if path.starts_with('$') {
        operator(key)?;
        return Err(refused(format!(
            "the operator {} of the filter belongs below the path of a field",
            shown(path)
        )));
    }
    for part in path.split('.') {
        if part.is_empty() {
            return Err(refused(
                "a key of the filter has an empty part; keys are paths such as 'user.role'",
            ));
        }
        if part.starts_with('$') {
            return Err(refused(
                "a key of the filter has a part that begins with '$'; such fields cannot be looked for",
            ));
        }
    }
    Ok(path)
}

/// Whether the keys of an object are operators: all of them or none.
fn has_operators(object: Element<'_>) -> Result<bool> {
    let mut has_operators = false;
    let mut has_fields = false;
    for element in raw::elements(object.value) {
        if element?.key.starts_with(b"$") {
            has_operators = true;
        } else {
            has_fields = true;
        }
    }
    if has_operators && has_fields {
        return Err(refused(
            "an object of the filter has both operators and other keys; a whole object goes under $eq",
        ));
    }
    Ok(has_operators)
}

fn operator(key: &[u8]) -> Result<Operator> {
    let name = name(key)?;
    Operator::of_name(name).ok_or_else(|| {
        let known = Operator::ALL.map(Operator::name).join(", ");
        refused(format!(
            "the operator {} of the filter is not one of {known}",
            shown(name)
        ))
    })
}

fn name(key: &[u8]) -> Result<&str> {
    str::from_utf8(key).map_err(|_| refused("a key of the filter is not UTF-8"))
}

fn shown(name: &str) -> String {
    let shown: String = name.chars().take(SHOWN_CHARS).collect();
    format!("'{}'", shown.escape_debug())
}

/// Refuses what MongoDB would refuse or take for something else.
fn check(operator: Operator, operand: Element<'_>) -> Result<()> {
    let needs = |what| {
        let name = operator.name();
        Err(refused(format!(
            "the operator {name} of the filter needs {what}"
        )))
    };
    match operator {
        Operator::Exists if operand.kind != kind::BOOLEAN => needs("true or false"),
        Operator::In | Operator::Nin if operand.kind != kind::ARRAY => needs("an array"),
        Operator::In | Operator::Nin => {
            for element in raw::elements(operand.value) {
                let element = element?;
                check_value(element)?;
                if element.kind == kind::DOCUMENT && has_dollar(element.value)? {
                    return Err(refused(
                        "an object in a list of the filter has a key that begins with '$'; look for it with $eq",
                    ));
                }
            }
            Ok(())
        }
        Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte
            if !matches!(
                class(operand.kind),
                Class::Number | Class::Text | Class::Date | Class::Boolean | Class::ObjectId
            ) =>
        {
            needs("a number, a string, a date, a boolean or an ObjectId")
        }
        _ => check_value(operand),
    }
}

fn has_dollar(object: &[u8]) -> Result<bool> {
    for element in raw::elements(object) {
        if element?.key.starts_with(b"$") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A regular expression would be a pattern in some places and a value in others.
fn check_value(value: Element<'_>) -> Result<()> {
    match class(value.kind) {
        Class::Null
        | Class::Number
        | Class::Text
        | Class::Document
        | Class::Array
        | Class::Binary
        | Class::ObjectId
        | Class::Boolean
        | Class::Date
        | Class::Timestamp
            if value.kind != kind::SYMBOL =>
        {
            Ok(())
        }
        _ => Err(refused(
            "the filter holds a value of a type that cannot be looked for, such as a regular expression",
        )),
    }
}
