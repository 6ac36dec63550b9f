//! The header of an `.npy` file: a Python dict literal of three keys, read without evaluating Python.
//!
//! Grammar and keys: NumPy's format specification, `numpy.lib.format`, "Format Version 1.0".

use crate::tensor::Element;

/// What the header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub element: Element,
    /// One extent per axis.
    pub shape: Vec<usize>,
    /// The first axis is the fastest, and not the last.
    pub is_fortran: bool,
}

/// Which arrays are read.
#[derive(Clone, Copy, Debug)]
pub struct Allowed<'a> {
    pub elements: &'a [Element],
    /// Arrays without elements, and those in Fortran order.
    pub any_layout: bool,
}

/// The keys, in the order NumPy writes them.
const KEYS: [&str; 3] = ["descr", "fortran_order", "shape"];
/// The most axes an array of NumPy 2 can have.
const MAX_AXES: usize = 64;
/// The characters of a foreign value that a message quotes.
const QUOTED: usize = 40;

impl Header {
    /// Reads the dict in `text`, which begins at byte `start` of the file. Errors name a key or a byte of the file,
    /// but not the file.
    pub fn parse(text: &[u8], start: usize, allowed: Allowed) -> Result<Header, String> {
        let mut cursor = Cursor { text, at: 0, start };
        let (mut element, mut order, mut shape) = (None, None, None);
        cursor.expect(b'{', "a dict { ... }")?;
        while !cursor.eat(b'}') {
            let key = cursor.quoted().ok_or_else(|| cursor.wrong("a key in quotes, or }"))?;
            cursor.expect(b':', "a colon")?;
            let twice = match key.as_str() {
                "descr" => element.replace(cursor.element(allowed.elements)?).is_some(),
                "fortran_order" => order.replace(cursor.order(allowed.any_layout)?).is_some(),
                "shape" => shape.replace(cursor.shape(allowed.any_layout)?).is_some(),
                _ => return Err(format!("header key {} is unknown: allowed are {}", excerpt(&key), KEYS.join(", "))),
            };
            if twice {
                return Err(format!("header key {key} is given twice: allowed is once"));
            }
            if !cursor.eat(b',') {
                cursor.expect(b'}', "a comma or }")?;
                break;
            }
        }
        cursor.skip_space();
        if cursor.at < text.len() {
            return Err(cursor.wrong("blanks up to the end of the header"));
        }
        let missing = |key: &str| format!("header key {key} is missing: allowed are {}", KEYS.join(", "));
        let is_fortran = order.ok_or_else(|| missing("fortran_order"))?;
        let (element, shape) = (element.ok_or_else(|| missing("descr"))?, shape.ok_or_else(|| missing("shape"))?);
        Ok(Header { element, shape, is_fortran })
    }
}

struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    start: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Steps over blanks, and over `byte` if it follows.
    fn eat(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8, allowed: &str) -> Result<(), String> {
        if self.eat(byte) { Ok(()) } else { Err(self.wrong(allowed)) }
    }

    /// What is wrong at this place, by its byte in the file.
    fn wrong(&self, allowed: &str) -> String {
        let found = match self.text.get(self.at..) {
            None | Some([]) => "the end of the header".to_string(),
            Some(rest) => excerpt(String::from_utf8_lossy(&rest[..rest.len().min(QUOTED)]).trim_end()),
        };
        format!("header, byte {}: {found}: allowed is {allowed}", self.start + self.at)
    }

    /// The longest run of bytes that `fits`.
    fn run(&mut self, fits: impl Fn(u8) -> bool) -> String {
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|&byte| !fits(byte)).unwrap_or(rest.len());
        self.at += length;
        String::from_utf8_lossy(&rest[..length]).into_owned()
    }

    /// A string without escapes, which no valid key and no valid type has; the cursor stays where there is none.
    fn quoted(&mut self) -> Option<String> {
        self.skip_space();
        let (before, quote) = (self.at, self.peek().filter(|byte| matches!(byte, b'\'' | b'"'))?);
        self.at += 1;
        let text = self.run(|byte| byte != quote && byte != b'\n');
        if self.peek() == Some(quote) {
            self.at += 1;
            Some(text)
        } else {
            self.at = before;
            None
        }
    }

    fn element(&mut self, allowed: &[Element]) -> Result<Element, String> {
        let cast = if allowed == [Element::U32] { "<u4" } else { "<f4" };
        let what = what_of(allowed);
        let before = self.at;
        let Some(name) = self.quoted() else {
            let kind = if self.peek() == Some(b'[') { "a structured type" } else { "no type's name" };
            return Err(format!("header key descr is {kind}: {}; {what}", self.rest(before)));
        };
        if let Some(element) = Element::of_npy(&name).filter(|element| allowed.contains(element)) {
            return Ok(element);
        }
        let kind = match name.as_bytes() {
            [b'>', ..] => ", big-endian",
            [b'|', b'O', ..] => ", Python objects",
            _ => "",
        };
        Err(format!("header key descr is {}{kind}: {what}; save it with array.astype('{cast}')", excerpt(&name)))
    }

    /// Whether the order is Fortran's.
    fn order(&mut self, fortran: bool) -> Result<bool, String> {
        self.skip_space();
        let before = self.at;
        match self.run(|byte| byte.is_ascii_alphanumeric()).as_str() {
            "False" => Ok(false),
            "True" if fortran => Ok(true),
            "True" => Err("header key fortran_order is True: allowed is C order; save it with numpy.ascontiguousarray"
                .to_string()),
            _ if fortran => Err(format!("header key fortran_order is {}: allowed are False, True", self.rest(before))),
            _ => Err(format!("header key fortran_order is {}: allowed is False, C order", self.rest(before))),
        }
    }

    /// A tuple of extents; one without a comma is a number in Python, not a tuple.
    fn shape(&mut self, empty: bool) -> Result<Vec<usize>, String> {
        let least = if empty { 0 } else { 1 };
        let allowed = format!("a tuple of at most {MAX_AXES} extents from {least} to what the file holds, as (3, 20)");
        self.skip_space();
        let before = self.at;
        let wrong = |cursor: &Self| format!("header key shape is {}: allowed is {allowed}", cursor.rest(before));
        let mut shape = Vec::new();
        if !self.eat(b'(') {
            return Err(wrong(self));
        }
        while !self.eat(b')') {
            let extent = self.run(|byte| byte.is_ascii_digit()).parse().ok().filter(|&extent: &usize| extent >= least);
            shape.push(extent.ok_or_else(|| wrong(self))?);
            let comma = self.eat(b',');
            let last = self.eat(b')');
            if shape.len() > MAX_AXES || (!comma && (!last || shape.len() == 1)) {
                return Err(wrong(self));
            }
            if last {
                break;
            }
        }
        Ok(shape)
    }

    /// The text from `before` to the next closing bracket, cut to fit a message.
    fn rest(&self, before: usize) -> String {
        let rest = self.text.get(before..).unwrap_or_default().trim_ascii();
        let close = rest.iter().position(|byte| b")]}".contains(byte)).map_or(rest.len(), |at| at + 1);
        excerpt(&String::from_utf8_lossy(&rest[..close.min(QUOTED + 1)]))
    }
}

/// The types that are allowed, in words.
fn what_of(allowed: &[Element]) -> String {
    match allowed {
        [Element::U32] => "allowed is '<u4', little-endian uint32".into(),
        [Element::F32] => "allowed is '<f4', little-endian float32".into(),
        [Element::F32, Element::F64] => "allowed is '<f4' or '<f8', little-endian float32 or float64".into(),
        _ => {
            let names = allowed.iter().filter(|element| Element::of_npy(element.name()).is_some());
            let name = |element: &Element| match element {
                Element::Bf16 => "'<V2' (bfloat16)".to_string(),
                other => format!("'{}'", other.name()),
            };
            format!("allowed are {}", names.map(name).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Foreign text in quotes, escaped to one line and cut to fit a message.
fn excerpt(text: &str) -> String {
    let cut = text.char_indices().nth(QUOTED).map(|(at, _)| at);
    format!("{:?}{}", &text[..cut.unwrap_or(text.len())], if cut.is_some() { "..." } else { "" })
}
