//! Queries of dashboards: variables replaced, read, and taken apart.

#![allow(dead_code, reason = "each file of tests uses some of it")]

use promql_parser::label::MatchOp;
use promql_parser::parser::{Expr, LabelModifier, MatrixSelector, VectorSelector, parse};

/// What stands for the variables of the dashboards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variables<'a> {
    pub(crate) vendor: &'a str,
    pub(crate) host: &'a str,
}

/// A selector of series in a query.
#[derive(Clone, Debug)]
pub(crate) struct Selector {
    pub(crate) metric: String,
    /// Label, whether the value is a regular expression, value.
    pub(crate) matchers: Vec<(String, bool, String)>,
    /// The function around it, such as `rate`, if it selects a span.
    pub(crate) within: Option<String>,
}

/// A query that was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    pub(crate) selectors: Vec<Selector>,
    /// Labels that it groups or joins by.
    pub(crate) labels: Vec<String>,
}

/// The query that Grafana would send.
pub(crate) fn filled(expr: &str, variables: Variables<'_>) -> String {
    expr.replace("$__rate_interval", "5m")
        .replace("$__range", "7d")
        .replace("$job", ".+")
        .replace("$instance", ".+")
        .replace("$directive", ".+")
        .replace("$vendor", variables.vendor)
        .replace("$host", variables.host)
}

/// Reads a query in which no variable is left.
pub(crate) fn read(expr: &str) -> Result<Query, String> {
    let mut query = Query::default();
    walk(&parse(expr)?, None, &mut query);
    Ok(query)
}

fn walk(expr: &Expr, within: Option<&str>, query: &mut Query) {
    match expr {
        Expr::Aggregate(it) => {
            if let Some(modifier) = &it.modifier {
                query.labels.extend(labels_of(modifier));
            }
            walk(&it.expr, within, query);
            if let Some(param) = &it.param {
                walk(param, within, query);
            }
        }
        Expr::Unary(it) => walk(&it.expr, within, query),
        Expr::Binary(it) => {
            if let Some(matching) = it.modifier.as_ref().and_then(|it| it.matching.as_ref()) {
                query.labels.extend(labels_of(matching));
            }
            walk(&it.lhs, within, query);
            walk(&it.rhs, within, query);
        }
        Expr::Paren(it) => walk(&it.expr, within, query),
        Expr::Subquery(it) => walk(&it.expr, within, query),
        Expr::Call(it) => {
            for argument in &it.args.args {
                walk(argument, Some(it.func.name), query);
            }
        }
        Expr::VectorSelector(it) => query.selectors.push(selector(it, None)),
        Expr::MatrixSelector(MatrixSelector { vs, .. }) => {
            query.selectors.push(selector(vs, within));
        }
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

fn labels_of(modifier: &LabelModifier) -> Vec<String> {
    match modifier {
        LabelModifier::Include(labels) | LabelModifier::Exclude(labels) => labels.labels.clone(),
    }
}

fn selector(selector: &VectorSelector, within: Option<&str>) -> Selector {
    let matchers = selector.matchers.matchers.iter();
    Selector {
        metric: selector.name.clone().unwrap_or_default(),
        matchers: matchers
            .map(|it| {
                let pattern = matches!(it.op, MatchOp::Re(_) | MatchOp::NotRe(_));
                (it.name.clone(), pattern, it.value.clone())
            })
            .collect(),
        within: within.map(str::to_owned),
    }
}
