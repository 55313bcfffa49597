//! The part of Groovy that conditions are written in, translated to the tree that CEL has.
//!
//! Grammar: <https://groovy-lang.org/operators.html> and Debezium's documentation of its scripting transforms. What is outside
//! of it is refused with its place. Where Groovy differs from CEL the tree says what Groovy means: `&&` and `||` take any value
//! for true or false and hide no error, comparisons take null, `+` puts text together.

mod lexer;
mod node;

use cel::IdedExpr;
use cel::common::ast::operators::{ADD, CONDITIONAL, EQUALS, IN, LOGICAL_NOT, NOT_EQUALS};
use cel::common::ast::{Expr, ListExpr, LiteralValue};

use super::{Fault, Parsed, functions};
use lexer::{Lexeme, Part, Token};
use node::Nodes;

/// Each level takes stack while it is parsed.
const DEPTH_MAX: usize = 50;

const OUTSIDE: &str = "is outside of what is translated; write the expression in CEL (language=cel)";

/// Parses an expression.
///
/// # Errors
/// Where and why it is none, or none that is translated.
pub(super) fn parse(text: &str) -> Result<Parsed, Fault> {
    let characters: Vec<char> = text.chars().collect();
    let mut nodes = Nodes::default();
    let tree = parse_range(&characters, 0..characters.len(), &mut nodes, 0)?;
    Ok(Parsed { tree, positions: nodes.positions, patterns: nodes.patterns })
}

/// Parses a part of the text that is an expression by itself.
fn parse_range(
    text: &[char],
    range: std::ops::Range<usize>,
    nodes: &mut Nodes,
    depth: usize,
) -> Result<IdedExpr, Fault> {
    let end = range.end;
    let lexemes = lexer::lex(text, range)?;
    let mut parser = Parser { text, lexemes: &lexemes, next: 0, end, nodes, depth };
    let tree = parser.expression()?;
    parser.accept(";");
    match parser.peek() {
        None => Ok(tree),
        Some(lexeme) => Err(Fault::new(lexeme.at, "the expression should end here, or an operator should stand here")),
    }
}

struct Parser<'t> {
    text: &'t [char],
    lexemes: &'t [Lexeme],
    next: usize,
    end: usize,
    nodes: &'t mut Nodes,
    depth: usize,
}

type Parsing = Result<IdedExpr, Fault>;

impl Parser<'_> {
    fn peek(&self) -> Option<&Lexeme> {
        self.lexemes.get(self.next)
    }

    fn at(&self) -> usize {
        self.peek().map_or(self.end, |lexeme| lexeme.at)
    }

    fn fault<T>(&self, reason: impl Into<String>) -> Result<T, Fault> {
        Err(Fault::new(self.at(), reason))
    }

    /// Takes the symbol or word if it is next.
    fn accept(&mut self, expected: &str) -> bool {
        let is_next = self.peek().is_some_and(|lexeme| lexeme.is(expected));
        self.next += usize::from(is_next);
        is_next
    }

    /// Takes the first of these symbols and words that is next.
    fn accept_one<'s>(&mut self, expected: &[&'s str]) -> Option<(usize, &'s str)> {
        let at = self.at();
        expected.iter().find(|symbol| self.accept(symbol)).map(|symbol| (at, *symbol))
    }

    fn expect(&mut self, expected: &str) -> Result<(), Fault> {
        if self.accept(expected) { Ok(()) } else { self.fault(format!("{expected:?} should stand here")) }
    }

    /// Goes a level deeper.
    fn nested(&mut self, parse: impl FnOnce(&mut Self) -> Parsing) -> Parsing {
        if self.depth >= DEPTH_MAX {
            return self.fault("is nested too deeply");
        }
        self.depth += 1;
        let node = parse(self);
        self.depth -= 1;
        node
    }

    fn expression(&mut self) -> Parsing {
        self.nested(Self::conditional)
    }

    /// `a ? b : c`, `a ?: b`
    fn conditional(&mut self) -> Parsing {
        let condition = self.disjunction()?;
        let Some((at, operator)) = self.accept_one(&["?:", "?"]) else { return Ok(condition) };
        let (then, otherwise) = if operator == "?" {
            let then = self.expression()?;
            self.expect(":")?;
            (then, self.expression()?)
        } else {
            (self.nodes.double(at, &condition)?, self.expression()?)
        };
        let condition = self.nodes.truth(condition);
        Ok(self.nodes.call(at, CONDITIONAL, vec![condition, then, otherwise]))
    }

    /// Errors of the first operand are errors of the whole, as in Groovy; in CEL the second may hide them.
    fn disjunction(&mut self) -> Parsing {
        let at = self.at();
        let mut operands = vec![self.conjunction()?];
        while self.accept("||") {
            operands.push(self.conjunction()?);
        }
        Ok(self.nodes.in_turn(at, operands, true))
    }

    fn conjunction(&mut self) -> Parsing {
        let at = self.at();
        let mut operands = vec![self.equality()?];
        while self.accept("&&") {
            operands.push(self.equality()?);
        }
        Ok(self.nodes.in_turn(at, operands, false))
    }

    fn equality(&mut self) -> Parsing {
        let mut left = self.relation()?;
        while let Some((at, operator)) = self.accept_one(&["==~", "=~", "==", "!="]) {
            left = match operator {
                "==" | "!=" => {
                    let right = self.relation()?;
                    let function = if operator == "==" { EQUALS } else { NOT_EQUALS };
                    self.nodes.call(at, function, vec![left, right])
                }
                _ => {
                    let function = self.pattern(operator == "==~")?;
                    self.nodes.call(at, &function, vec![left])
                }
            };
        }
        Ok(left)
    }

    fn relation(&mut self) -> Parsing {
        let left = self.sum()?;
        if let Some((at, operator)) = self.accept_one(&["<=", ">=", "<", ">"]) {
            let right = self.sum()?;
            return Ok(self.nodes.call(at, named(&functions::COMPARISONS, operator), vec![left, right]));
        }
        if let Some((at, operator)) = self.accept_one(&["in", "!in"]) {
            if !self.peek().is_some_and(|lexeme| lexeme.is("[")) {
                return self.fault("a list should stand here: in ['a', 'b']");
            }
            let list = self.sum()?;
            let held = self.nodes.call(at, IN, vec![left, list]);
            return Ok(if operator == "in" { held } else { self.nodes.call(at, LOGICAL_NOT, vec![held]) });
        }
        Ok(left)
    }

    fn sum(&mut self) -> Parsing {
        let mut left = self.product()?;
        while let Some((at, operator)) = self.accept_one(&["+", "-"]) {
            let right = self.product()?;
            left = self.nodes.call(at, named(&functions::ARITHMETIC, operator), vec![left, right]);
        }
        Ok(left)
    }

    fn product(&mut self) -> Parsing {
        let mut left = self.unary()?;
        while let Some((at, operator)) = self.accept_one(&["*", "%"]) {
            let right = self.unary()?;
            left = self.nodes.call(at, named(&functions::ARITHMETIC, operator), vec![left, right]);
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsing {
        match self.accept_one(&["!", "-"]) {
            Some((at, "!")) => {
                let operand = self.nested(Self::unary)?;
                let operand = self.nodes.truth(operand);
                Ok(self.nodes.call(at, LOGICAL_NOT, vec![operand]))
            }
            Some((at, _)) => {
                let operand = self.nested(Self::unary)?;
                let zero = self.nodes.literal(at, LiteralValue::Int(0.into()));
                Ok(self.nodes.call(at, named(&functions::ARITHMETIC, "-"), vec![zero, operand]))
            }
            None => self.postfix(),
        }
    }

    /// Fields, entries and calls, as many as follow.
    fn postfix(&mut self) -> Parsing {
        let mut node = self.primary()?;
        while let Some((at, operator)) = self.accept_one(&["?.", ".", "["]) {
            if operator == "[" {
                let Some(name) = self.text() else {
                    return self.fault("the name of a field should stand here, in quotes");
                };
                self.expect("]")?;
                node = self.nodes.field(at, node, &name, false);
                continue;
            }
            let place = self.at();
            let Some(Token::Word(name) | Token::Text(name)) = self.peek().map(|lexeme| lexeme.token.clone()) else {
                return self.fault("the name of a field should stand here");
            };
            self.next += 1;
            node = if self.accept("(") {
                self.method(place, node, &name, operator == "?.")?
            } else {
                self.nodes.field(place, node, &name, operator == "?.")
            };
        }
        Ok(node)
    }

    /// A call of a method, behind its opening parenthesis.
    fn method(&mut self, at: usize, target: IdedExpr, name: &str, safe: bool) -> Parsing {
        // Only where null is to be tested for, the target stands twice.
        let tested = if safe && !is_field(name) { Some(self.nodes.double(at, &target)?) } else { None };
        let call = match name {
            "matches" => {
                let function = self.pattern(true)?;
                self.nodes.call(at, &function, vec![target])
            }
            "name" | "version" | "doc" | "value" => {
                self.expect(")")?;
                return Ok(self.nodes.field(at, target, name, safe));
            }
            _ if is_field(name) => {
                let Some(field) = self.text() else {
                    return self.fault("the name of a field should stand here, in quotes");
                };
                self.expect(")")?;
                return Ok(self.nodes.field(at, target, &field, safe));
            }
            "contains" => {
                let argument = self.expression()?;
                self.nodes.call(at, functions::CONTAINS, vec![target, argument])
            }
            "startsWith" | "endsWith" => {
                let argument = self.expression()?;
                self.nodes.method(at, target, name, argument)
            }
            "equals" | "equalsIgnoreCase" => {
                let argument = self.expression()?;
                let function = if name == "equals" { EQUALS } else { functions::EQUALS_IGNORE_CASE };
                self.nodes.call(at, function, vec![target, argument])
            }
            _ => match functions::METHODS.iter().find(|(method, _)| *method == name) {
                Some((_, function)) => self.nodes.call(at, function, vec![target]),
                None => return Err(Fault::new(at, format!("the method {name:?} {OUTSIDE}"))),
            },
        };
        self.expect(")")?;
        Ok(match tested {
            Some(target) => self.nodes.unless_null(at, target, call),
            None => call,
        })
    }

    fn primary(&mut self) -> Parsing {
        let at = self.at();
        let Some(token) = self.peek().map(|lexeme| lexeme.token.clone()) else {
            return self.fault("the expression ends too early");
        };
        self.next += 1;
        let literal = match token {
            Token::Word(word) => match word.as_str() {
                "true" => LiteralValue::Boolean(true.into()),
                "false" => LiteralValue::Boolean(false.into()),
                "null" => LiteralValue::Null,
                "new" | "def" | "if" | "else" | "return" | "instanceof" | "as" | "import" | "for" | "while" => {
                    return Err(Fault::new(at, format!("{word:?} {OUTSIDE}")));
                }
                _ if self.peek().is_some_and(|lexeme| lexeme.is("(")) => {
                    return Err(Fault::new(at, format!("the function {word:?} {OUTSIDE}")));
                }
                _ => return Ok(self.nodes.node(at, Expr::Ident(word))),
            },
            Token::Int(number) => LiteralValue::Int(number.into()),
            Token::Float(number) => LiteralValue::Double(number.into()),
            Token::Text(text) => LiteralValue::String(text.into()),
            Token::Parts(parts) => return self.interpolated(at, parts),
            Token::Pattern(_) => {
                return Err(Fault::new(at, "a pattern stands only behind ==~ or =~, or in matches(…)"));
            }
            Token::Symbol("(") => {
                let node = self.expression()?;
                self.expect(")")?;
                return Ok(node);
            }
            Token::Symbol("[") => return self.list(at),
            Token::Symbol(symbol) => return Err(Fault::new(at, format!("a value should stand here, not {symbol:?}"))),
        };
        Ok(self.nodes.literal(at, literal))
    }

    fn list(&mut self, at: usize) -> Parsing {
        let mut elements = Vec::new();
        while !self.accept("]") {
            elements.push(self.expression()?);
            if !self.accept(",") && !self.peek().is_some_and(|lexeme| lexeme.is("]")) {
                return self.fault("\",\" or \"]\" should stand here");
            }
        }
        Ok(self.nodes.node(at, Expr::List(ListExpr::new(elements))))
    }

    /// `"…${…}…"`: the parts put together.
    fn interpolated(&mut self, at: usize, parts: Vec<Part>) -> Parsing {
        let mut whole = self.nodes.literal(at, LiteralValue::String(String::new().into()));
        for part in parts {
            let part = match part {
                Part::Text(text) => self.nodes.literal(at, LiteralValue::String(text.into())),
                Part::Code(range) => {
                    let (text, depth) = (self.text, self.depth);
                    if depth >= DEPTH_MAX {
                        return self.fault("is nested too deeply");
                    }
                    parse_range(text, range, self.nodes, depth + 1)?
                }
            };
            whole = self.nodes.call(at, named(&functions::ARITHMETIC, "+"), vec![whole, part]);
        }
        Ok(whole)
    }

    /// A text without parts, if it is next.
    fn text(&mut self) -> Option<String> {
        let Some(Lexeme { token: Token::Text(text), .. }) = self.peek() else { return None };
        let text = text.clone();
        self.next += 1;
        Some(text)
    }

    /// The function that matches with the pattern that is next; of a whole text, or of a part of it.
    fn pattern(&mut self, whole: bool) -> Result<String, Fault> {
        let at = self.at();
        let pattern = match self.peek().map(|lexeme| &lexeme.token) {
            Some(Token::Text(pattern) | Token::Pattern(pattern)) => pattern.clone(),
            _ => return self.fault("a pattern should stand here, in quotes or slashes"),
        };
        self.next += 1;
        self.nodes.pattern(at, &pattern, whole)
    }
}

/// Whether a method gives a field: of a schema, of a header, of a struct (`Struct.get("field")` and its siblings).
fn is_field(name: &str) -> bool {
    const GETTERS: &[&str] = &[
        "name",
        "version",
        "doc",
        "value",
        "get",
        "getString",
        "getStruct",
        "getBoolean",
        "getInt8",
        "getInt16",
        "getInt32",
        "getInt64",
        "getFloat32",
        "getFloat64",
    ];
    GETTERS.contains(&name)
}

/// The function of an operator.
fn named(functions: &[(&str, &'static str)], operator: &str) -> &'static str {
    functions.iter().find(|(known, _)| *known == operator).map_or(ADD, |(_, function)| function)
}
