//! Lowering: a policy's condition as the plan's tree, or the construct that no plan has.

use cedar_policy::Policy;
use cedar_policy_core::ast::{BinaryOp, EntityUID, Expr, ExprKind, Literal, UnaryOp, Var};
use grantbook_plan::rules::{Attribute, Condition, Kind};

use super::schema::entity_type;

/// A construct that no plan has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotLowered {
    /// An operator, function or literal.
    #[error("{0} cannot be lowered")]
    Construct(String),
    /// A rule about one customer would name a person.
    #[error("`resource` itself cannot be lowered, expected one of its attributes")]
    OneCustomer,
    /// Words of two types, which are never the same.
    #[error("compares {left} with {right}, expected one type")]
    Types {
        /// The type on the left.
        left: String,
        /// The type on the right.
        right: String,
    },
}

/// The construct with its line, where that is known.
type Refused = (Option<usize>, NotLowered);

/// The whole condition of a policy: its scope and its clauses.
pub(super) fn condition(policy: &Policy) -> Result<Condition, Refused> {
    lower(&policy.as_ref().condition()).map(|typed| typed.condition)
}

/// An expression, and the Cedar type of its word or of its set's words.
struct Typed {
    condition: Condition,
    of: Option<String>,
}

impl From<Condition> for Typed {
    fn from(condition: Condition) -> Self {
        Self { condition, of: None }
    }
}

fn lower(expr: &Expr) -> Result<Typed, Refused> {
    let refuse = |construct: &str| Err(refused(expr, NotLowered::Construct(construct.to_owned())));
    match expr.expr_kind() {
        ExprKind::Lit(Literal::Bool(value)) => Ok(Condition::Bool(*value).into()),
        ExprKind::Lit(Literal::Long(number)) => Ok(Condition::Long(*number).into()),
        ExprKind::Lit(Literal::String(_)) => refuse("a string"),
        ExprKind::Lit(Literal::EntityUID(uid)) => {
            let of = type_of(uid);
            if of == "Customer" {
                return Err(refused(expr, NotLowered::OneCustomer));
            }
            let word: &str = uid.eid().as_ref();
            Ok(Typed { condition: Condition::Word(word.into()), of: Some(of) })
        }
        ExprKind::Var(_) | ExprKind::GetAttr { .. } => attribute(expr),
        ExprKind::HasAttr { expr: of, attr } => has(expr, of, &[attr.as_str()]),
        ExprKind::ExtHasAttr { expr: of, attrs } => {
            let attrs: Vec<&str> = attrs.iter().map(AsRef::as_ref).collect();
            has(expr, of, &attrs)
        }
        ExprKind::And { left, right } => several(left, right, Condition::All, true),
        ExprKind::Or { left, right } => several(left, right, Condition::Any, false),
        ExprKind::If { test_expr, then_expr, else_expr } => {
            let (test, then, otherwise) = (lower(test_expr)?, lower(then_expr)?, lower(else_expr)?);
            let of = same(expr, then.of, otherwise.of)?;
            let three = [test.condition, then.condition, otherwise.condition];
            Ok(Typed { condition: Condition::If(Box::new(three)), of })
        }
        ExprKind::UnaryApp { op, arg } => {
            let arg = lower(arg)?.condition;
            Ok(match op {
                UnaryOp::Not => Condition::Not(Box::new(arg)),
                UnaryOp::IsEmpty => Condition::IsEmpty(Box::new(arg)),
                UnaryOp::Neg => Condition::Subtract(Box::new([Condition::Long(0), arg])),
            }
            .into())
        }
        ExprKind::BinaryApp { op, arg1, arg2 } => binary(expr, *op, arg1, arg2),
        ExprKind::Is { expr: of, entity_type } => {
            let of = lower(of)?.of;
            Ok(Condition::Bool(of.as_deref() == Some(entity_type.to_string().as_str())).into())
        }
        ExprKind::Set(elements) => {
            let mut words = Vec::with_capacity(elements.len());
            let mut of = None;
            for element in elements.iter() {
                let Typed { condition: Condition::Word(word), of: of_word } = lower(element)? else {
                    return refuse("a set of anything but words");
                };
                of = same(element, of, of_word)?;
                if !words.contains(&word) {
                    words.push(word);
                }
            }
            Ok(Typed { condition: Condition::Words(words.into()), of })
        }
        ExprKind::Like { .. } => refuse("`like`"),
        ExprKind::Record(_) => refuse("a record"),
        ExprKind::ExtensionFunctionApp { fn_name, .. } => refuse(&format!("the function `{fn_name}`")),
        ExprKind::Slot(_) => refuse("a slot"),
        _ => refuse("this expression"),
    }
}

fn refused(at: &Expr, what: NotLowered) -> Refused {
    let line = at.source_loc().map(|loc| super::line_at(&loc.src, loc.start()));
    (line, what)
}

/// An entity's type, every action's being `Action`.
fn type_of(uid: &EntityUID) -> String {
    uid.entity_type().to_string()
}

/// One type of two, either of which may not be known.
fn same(at: &Expr, left: Option<String>, right: Option<String>) -> Result<Option<String>, Refused> {
    match (left, right) {
        (Some(left), Some(right)) if left != right => Err(refused(at, NotLowered::Types { left, right })),
        (left, right) => Ok(left.or(right)),
    }
}

/// `&&` or `||`, flat, and without a `neutral` value on the left, as scopes have it.
fn several(
    left: &Expr,
    right: &Expr,
    wrap: fn(Box<[Condition]>) -> Condition,
    neutral: bool,
) -> Result<Typed, Refused> {
    let mut parts = Vec::new();
    for side in [left, right] {
        match (lower(side)?.condition, neutral) {
            (Condition::All(inner), true) | (Condition::Any(inner), false) => parts.extend(inner),
            (Condition::Bool(value), _) if value == neutral => {}
            (other, _) => parts.push(other),
        }
    }
    Ok(match (parts.len(), parts.pop()) {
        (_, None) => Condition::Bool(neutral),
        (1, Some(only)) => only,
        (_, Some(last)) => {
            parts.push(last);
            wrap(parts.into())
        }
    }
    .into())
}

/// The variable and the attributes read from it, from the outside in.
fn path(expr: &Expr) -> Option<(Var, Vec<&str>)> {
    match expr.expr_kind() {
        ExprKind::Var(var) => Some((*var, Vec::new())),
        ExprKind::GetAttr { expr, attr } => {
            let (var, mut attrs) = path(expr)?;
            attrs.push(attr.as_str());
            Some((var, attrs))
        }
        _ => None,
    }
}

fn named(var: Var, attrs: &[&str]) -> Option<Attribute> {
    let name = match (var, attrs) {
        (Var::Principal, []) => "requester".to_owned(),
        (Var::Action, []) => "action".to_owned(),
        (Var::Resource, ["age"]) => "customer.age".to_owned(),
        (Var::Context, attrs) => attrs.join("."),
        _ => return None,
    };
    Attribute::ALL.iter().copied().find(|attribute| {
        let of_context = !matches!(attribute, Attribute::Requester | Attribute::Action | Attribute::Age);
        attribute.name() == name && of_context == (var == Var::Context)
    })
}

fn attribute(expr: &Expr) -> Result<Typed, Refused> {
    let construct = |name: String| refused(expr, NotLowered::Construct(name));
    let (var, attrs) = path(expr).ok_or_else(|| construct("an attribute of what was computed".to_owned()))?;
    if var == Var::Resource && attrs.is_empty() {
        return Err(refused(expr, NotLowered::OneCustomer));
    }
    let name = || format!("`{}`", [&[var.to_string().as_str()], attrs.as_slice()].concat().join("."));
    let attribute = named(var, &attrs).ok_or_else(|| construct(name()))?;
    let of = entity_type(attribute).map(str::to_owned);
    Ok(Typed { condition: Condition::Attribute(attribute), of })
}

fn has(expr: &Expr, of: &Expr, last: &[&str]) -> Result<Typed, Refused> {
    let (var, mut attrs) = path(of)
        .ok_or_else(|| refused(expr, NotLowered::Construct("`has` of what was computed".to_owned())))?;
    attrs.extend(last);
    match named(var, &attrs) {
        Some(attribute) if attribute.is_optional() => Ok(Condition::Has(attribute).into()),
        // every decision has these
        Some(_) => Ok(Condition::Bool(true).into()),
        None if attrs == ["grant"] => Ok(Condition::Bool(true).into()),
        None => Err(refused(expr, NotLowered::Construct(format!("`has {}`", attrs.join("."))))),
    }
}

fn binary(expr: &Expr, op: BinaryOp, left: &Expr, right: &Expr) -> Result<Typed, Refused> {
    let (left, right) = (lower(left)?, lower(right)?);
    same(expr, left.of.clone(), right.of.clone())?;
    let right_is_set = is_set(&right.condition);
    let (left, right) = (left.condition, right.condition);
    let pair = |left, right| Box::new([left, right]);
    let condition = match op {
        // nothing has parents, so what is in something is it
        BinaryOp::In if right_is_set => Condition::Contains(pair(right, left)),
        BinaryOp::Eq | BinaryOp::In => Condition::Equal(pair(left, right)),
        BinaryOp::Less => Condition::Less(pair(left, right)),
        BinaryOp::LessEq => Condition::LessOrEqual(pair(left, right)),
        BinaryOp::Add => Condition::Add(pair(left, right)),
        BinaryOp::Sub => Condition::Subtract(pair(left, right)),
        BinaryOp::Mul => Condition::Multiply(pair(left, right)),
        BinaryOp::Contains => Condition::Contains(pair(left, right)),
        BinaryOp::ContainsAll => Condition::ContainsAll(pair(left, right)),
        BinaryOp::ContainsAny => Condition::ContainsAny(pair(left, right)),
        BinaryOp::GetTag | BinaryOp::HasTag => {
            return Err(refused(expr, NotLowered::Construct("a tag".to_owned())));
        }
    };
    Ok(condition.into())
}

fn is_set(condition: &Condition) -> bool {
    match condition {
        Condition::Words(_) => true,
        Condition::Attribute(attribute) => attribute.kind() == Kind::Words,
        Condition::If(three) => {
            let [_, then, _] = &**three;
            is_set(then)
        }
        _ => false,
    }
}
