//! XML-RPC as it goes over the wire: a call comes in, an answer or a fault goes out.
//!
//! Callers show their token inside the call, so what is read here may come from anybody: a document type, and with it every
//! entity but the five of XML, is refused; values lie in each other a few levels at most; nothing is read twice, and what
//! is kept of a body is no longer than a few times the body. The forms are those of xmlrpc.com/spec.md, with `i8` and
//! `nil` as Python's `xmlrpc.client` writes them.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::DateTime;
use quick_xml::Reader;
use quick_xml::events::Event;
use thiserror::Error;

/// A value, in a call or in an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// `string`, and what has no type.
    Text(String),
    /// `int`, `i4`, `i8`.
    Whole(i64),
    /// `boolean`.
    Flag(bool),
    /// `double`: never infinite.
    Real(f64),
    /// `dateTime.iso8601`, which knows no time zone.
    Time(DateTime),
    /// `base64`.
    Octets(Vec<u8>),
    /// `array`.
    List(Vec<Value>),
    /// `struct`, in the order of its members.
    Struct(Vec<(String, Value)>),
    /// `nil`.
    Nil,
}

/// What a caller asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    /// The name of the method.
    pub(crate) method: String,
    /// Its parameters, in their order.
    pub(crate) params: Vec<Value>,
}

/// Why a body is no call. It never repeats what stands in the body, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum WireError {
    /// The octets are no text.
    #[error("the body is not UTF-8")]
    Encoding,
    /// The declaration says so.
    #[error("the body says that it is not UTF-8: send UTF-8")]
    Declared,
    /// A character that XML 1.0 does not have.
    #[error("the body holds a control character, which XML cannot")]
    Character,
    /// The way to bombs, files and other servers.
    #[error("the body declares a document type, which is not taken")]
    DocumentType,
    /// Nobody has declared it.
    #[error("the body refers to an entity other than lt, gt, amp, quot and apos")]
    Entity,
    /// Nobody nests so.
    #[error("the values are nested deeper than {} levels", DEEPEST)]
    Depth,
    /// It is no XML.
    #[error("octet {0}: this is not well-formed XML")]
    Xml(u64),
    /// It is XML, but something else stands here.
    #[error("octet {0}: {1} is expected here")]
    Expected(u64, &'static str),
}

impl Call {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// It is no call.
    pub(crate) fn decode(body: &[u8]) -> Result<Self, WireError> {
        let text = std::str::from_utf8(body).map_err(|_| WireError::Encoding)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if !text.chars().all(is_xml) {
            return Err(WireError::Character);
        }
        let mut reading = Reading::new(text);
        reading.open("methodCall")?;
        reading.open("methodName")?;
        let method = reading.text_to_close()?.trim().to_owned();
        let mut params = Vec::new();
        match reading.piece_beside("<params> or </methodCall>")? {
            Piece::Close => {}
            Piece::Open("params") => {
                while reading.another("param")? {
                    reading.open("value")?;
                    params.push(reading.value(0)?);
                    reading.close()?;
                }
                reading.close()?;
            }
            _ => return Err(reading.expected("<params> or </methodCall>")),
        }
        match reading.piece_beside("the end")? {
            Piece::End => Ok(Self { method, params }),
            _ => Err(reading.expected("the end")),
        }
    }
}

/// The body of an answer.
pub(crate) fn answer(value: &Value) -> String {
    let mut body = String::from(HEAD);
    body.push_str("<params><param>");
    value.encode(&mut body);
    body.push_str("</param></params></methodResponse>\n");
    body
}

/// The body of a fault.
pub(crate) fn fault(code: i32, sentence: &str) -> String {
    let members = [
        ("faultCode", Value::Whole(code.into())),
        ("faultString", Value::from(sentence)),
    ];
    let mut body = String::from(HEAD);
    body.push_str("<fault>");
    Value::of_members(members).encode(&mut body);
    body.push_str("</fault></methodResponse>\n");
    body
}

impl Value {
    /// A struct with these members.
    pub(crate) fn of_members<const N: usize>(members: [(&str, Self); N]) -> Self {
        Self::Struct(
            members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    }

    /// Writes it, with its element.
    pub(crate) fn encode(&self, body: &mut String) {
        body.push_str("<value>");
        match self {
            Self::Text(text) => element(body, "string", text),
            Self::Whole(number) if i32::try_from(*number).is_ok() => element(body, "int", &number.to_string()),
            Self::Whole(number) => element(body, "i8", &number.to_string()),
            Self::Flag(flag) => element(body, "boolean", if *flag { "1" } else { "0" }),
            Self::Real(number) => element(body, "double", &number.to_string()),
            Self::Time(time) => element(body, "dateTime.iso8601", &time.strftime(TIME).to_string()),
            Self::Octets(octets) => element(body, "base64", &STANDARD.encode(octets)),
            Self::List(values) => {
                body.push_str("<array><data>");
                values.iter().for_each(|value| value.encode(body));
                body.push_str("</data></array>");
            }
            Self::Struct(members) => {
                body.push_str("<struct>");
                for (name, value) in members {
                    body.push_str("<member>");
                    element(body, "name", name);
                    value.encode(body);
                    body.push_str("</member>");
                }
                body.push_str("</struct>");
            }
            Self::Nil => body.push_str("<nil/>"),
        }
        body.push_str("</value>");
    }

    /// Reads the text of an element that holds nothing else; `None` where it is no such value.
    fn scalar(kind: &str, text: &str) -> Option<Self> {
        match kind {
            "string" => Some(Self::Text(text.to_owned())),
            "int" | "i4" | "i8" | "ex:i8" => text.trim().parse().ok().map(Self::Whole),
            "boolean" => match text.trim() {
                "1" => Some(Self::Flag(true)),
                "0" => Some(Self::Flag(false)),
                _ => None,
            },
            "double" => text
                .trim()
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite())
                .map(Self::Real),
            "dateTime.iso8601" => {
                let time = DateTime::strptime(TIME, text.trim()).ok();
                // The parser forgives more than the form has.
                let exact = |time: &DateTime| time.strftime(TIME).to_string() == text.trim();
                time.filter(exact).map(Self::Time)
            }
            "base64" => {
                let text: String = text.split_ascii_whitespace().collect();
                STANDARD.decode(text).ok().map(Self::Octets)
            }
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A body being read, piece by piece.
struct Reading<'a> {
    reader: Reader<&'a [u8]>,
}

/// What comes next in a body.
enum Piece<'a> {
    Open(&'static str),
    Close,
    Text(Cow<'a, str>),
    End,
}

impl<'a> Reading<'a> {
    fn new(text: &'a str) -> Self {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        Self { reader }
    }

    /// The next piece; comments and processing instructions are passed over.
    fn piece(&mut self) -> Result<Piece<'a>, WireError> {
        loop {
            let event = self
                .reader
                .read_event()
                .map_err(|_| WireError::Xml(self.reader.error_position()))?;
            match event {
                Event::Start(tag) => {
                    let known = ELEMENTS.into_iter().find(|known| *known == tag.name().into_inner());
                    return known
                        .map(Piece::Open)
                        .ok_or_else(|| self.expected("an element of XML-RPC"));
                }
                Event::Empty(_) | Event::End(_) => return Ok(Piece::Close),
                Event::Text(text) => return Ok(Piece::Text(text.xml10_content())),
                Event::CData(text) => return Ok(Piece::Text(text.xml10_content())),
                Event::GeneralRef(name) => return Ok(Piece::Text(character(&name)?.to_string().into())),
                Event::DocType(_) => return Err(WireError::DocumentType),
                Event::Decl(declaration) => match declaration.encoding() {
                    Some(Ok(encoding)) if !is_utf8(&encoding) => return Err(WireError::Declared),
                    _ => {}
                },
                Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => return Ok(Piece::End),
            }
        }
    }

    /// The next piece that is not the blanks between elements.
    fn piece_beside(&mut self, expected: &'static str) -> Result<Piece<'a>, WireError> {
        loop {
            match self.piece()? {
                Piece::Text(text) if text.trim_ascii().is_empty() => {}
                Piece::Text(_) => return Err(self.expected(expected)),
                piece => return Ok(piece),
            }
        }
    }

    /// The element `name` opens.
    fn open(&mut self, name: &'static str) -> Result<(), WireError> {
        match self.another(name)? {
            true => Ok(()),
            false => Err(self.expected(expectation(name))),
        }
    }

    /// The element around closes.
    fn close(&mut self) -> Result<(), WireError> {
        match self.piece_beside("the end of the element")? {
            Piece::Close => Ok(()),
            _ => Err(self.expected("the end of the element")),
        }
    }

    /// Whether another element `name` opens, or the one around closes.
    fn another(&mut self, name: &'static str) -> Result<bool, WireError> {
        match self.piece_beside(expectation(name))? {
            Piece::Open(opened) if opened == name => Ok(true),
            Piece::Close => Ok(false),
            _ => Err(self.expected(expectation(name))),
        }
    }

    /// The text up to the end of the element.
    fn text_to_close(&mut self) -> Result<String, WireError> {
        let mut text = String::new();
        loop {
            match self.piece()? {
                Piece::Text(piece) => text.push_str(&piece),
                Piece::Close => return Ok(text),
                _ => return Err(self.expected("text")),
            }
        }
    }

    /// What stands in a `value`, to its end. What has no type is a text, blanks and all.
    fn value(&mut self, depth: usize) -> Result<Value, WireError> {
        if depth == DEEPEST {
            return Err(WireError::Depth);
        }
        let mut text = String::new();
        let kind = loop {
            match self.piece()? {
                Piece::Text(piece) => text.push_str(&piece),
                Piece::Close => return Ok(Value::Text(text)),
                Piece::Open(kind) if text.trim_ascii().is_empty() => break kind,
                _ => return Err(self.expected("the end of the value")),
            }
        };
        let value = match kind {
            "array" => self.list(depth)?,
            "struct" => self.members(depth)?,
            "nil" | "ex:nil" => {
                self.close()?;
                Value::Nil
            }
            kind => {
                let text = self.text_to_close()?;
                Value::scalar(kind, &text).ok_or_else(|| self.expected("a value of a known type"))?
            }
        };
        self.close()?;
        Ok(value)
    }

    fn list(&mut self, depth: usize) -> Result<Value, WireError> {
        let mut values = Vec::new();
        self.open("data")?;
        while self.another("value")? {
            values.push(self.value(depth + 1)?);
        }
        self.close()?;
        Ok(Value::List(values))
    }

    fn members(&mut self, depth: usize) -> Result<Value, WireError> {
        let mut members = Vec::new();
        while self.another("member")? {
            self.open("name")?;
            let name = self.text_to_close()?;
            self.open("value")?;
            members.push((name, self.value(depth + 1)?));
            self.close()?;
        }
        Ok(Value::Struct(members))
    }

    fn expected(&self, what: &'static str) -> WireError {
        WireError::Expected(self.reader.buffer_position(), what)
    }
}

/// As in "… is expected here".
fn expectation(element: &str) -> &'static str {
    match element {
        "methodCall" => "<methodCall>",
        "methodName" => "<methodName>",
        "param" => "<param> or </params>",
        "data" => "<data>",
        "member" => "<member> or </struct>",
        "name" => "<name>",
        _ => "<value>",
    }
}

fn element(body: &mut String, name: &str, text: &str) {
    body.push('<');
    body.push_str(name);
    body.push('>');
    for c in text.chars() {
        match c {
            '&' => body.push_str("&amp;"),
            '<' => body.push_str("&lt;"),
            '>' => body.push_str("&gt;"),
            // A reader would make a line feed of it.
            '\r' => body.push_str("&#13;"),
            c if is_xml(c) => body.push(c),
            _ => body.push(char::REPLACEMENT_CHARACTER),
        }
    }
    body.push_str("</");
    body.push_str(name);
    body.push('>');
}

/// The character that a reference means (XML 1.0, 4.1 and 4.6).
fn character(name: &str) -> Result<char, WireError> {
    let number = match (name.strip_prefix("#x"), name.strip_prefix('#')) {
        (Some(hex), _) => u32::from_str_radix(hex, 16),
        (None, Some(decimal)) => decimal.parse(),
        (None, None) => return entity(name).ok_or(WireError::Entity),
    };
    let number = number.ok().and_then(char::from_u32);
    number.filter(|c| is_xml(*c)).ok_or(WireError::Character)
}

fn entity(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

/// Whether a character may stand in XML 1.0 (2.2).
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn is_utf8(encoding: &str) -> bool {
    ["utf-8", "utf8", "us-ascii", "ascii"].contains(&encoding.to_ascii_lowercase().as_str())
}

const HEAD: &str = "<?xml version='1.0' encoding='UTF-8'?>\n<methodResponse>";

/// As `20261122T10:00:00`.
const TIME: &str = "%Y%m%dT%H:%M:%S";

/// How many values may lie in each other.
const DEEPEST: usize = 16;

/// Everything that a call may consist of.
const ELEMENTS: [&str; 21] = [
    "methodCall",
    "methodName",
    "params",
    "param",
    "value",
    "string",
    "int",
    "i4",
    "i8",
    "boolean",
    "double",
    "dateTime.iso8601",
    "base64",
    "array",
    "data",
    "struct",
    "member",
    "name",
    "nil",
    "ex:nil",
    "ex:i8",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn call(params: &str) -> Result<Vec<Value>, WireError> {
        let body = format!("<?xml version='1.0'?><methodCall><methodName>m</methodName>{params}</methodCall>");
        Call::decode(body.as_bytes()).map(|call| call.params)
    }

    fn param(value: &str) -> Result<Value, WireError> {
        let params = call(&format!("<params><param>{value}</param></params>"))?;
        Ok(params.into_iter().next().expect("one"))
    }

    #[test]
    fn a_call_of_python_s_client_is_read() {
        let body = "<?xml version='1.0'?>\n<methodCall>\n<methodName>send_sms</methodName>\n<params>\n<param>\n\
                    <value><string>a&lt;b</string></value>\n</param>\n<param>\n<value><boolean>1</boolean></value>\n\
                    </param>\n</params>\n</methodCall>\n";
        let call = Call::decode(body.as_bytes()).expect("a call");
        assert_eq!(call.method, "send_sms");
        assert_eq!(call.params, [Value::from("a<b"), Value::Flag(true)]);
    }

    #[test]
    fn every_type_is_read() {
        let time = jiff::civil::date(2026, 11, 22).at(10, 0, 5, 0);
        for (written, value) in [
            ("<value>no type</value>", Value::from("no type")),
            ("<value> </value>", Value::from(" ")),
            ("<value/>", Value::from("")),
            ("<value><string/></value>", Value::from("")),
            ("<value> <int> -7 </int> </value>", Value::Whole(-7)),
            ("<value><i4>7</i4></value>", Value::Whole(7)),
            ("<value><i8>9223372036854775807</i8></value>", Value::Whole(i64::MAX)),
            ("<value><boolean>0</boolean></value>", Value::Flag(false)),
            ("<value><double>-1.5e3</double></value>", Value::Real(-1500.0)),
            (
                "<value><dateTime.iso8601>20261122T10:00:05</dateTime.iso8601></value>",
                Value::Time(time),
            ),
            (
                "<value><base64>aGVs\nbG8=</base64></value>",
                Value::Octets(b"hello".to_vec()),
            ),
            ("<value><nil/></value>", Value::Nil),
            ("<value><array><data/></array></value>", Value::List(Vec::new())),
            (
                "<value><struct><member><name>a</name><value>b</value></member></struct></value>",
                Value::of_members([("a", Value::from("b"))]),
            ),
            (
                "<value>&#65;&#x1F44B;&quot;<![CDATA[<&]]>\r\n</value>",
                Value::from("A👋\"<&\n"),
            ),
            ("<!-- a --><value>x<!-- b -->y</value>", Value::from("xy")),
        ] {
            assert_eq!(param(written), Ok(value), "{written}");
        }
        assert_eq!(call(""), Ok(Vec::new()));
        assert_eq!(call("<params/>"), Ok(Vec::new()));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let deep = format!(
            "{}<value/>{}",
            "<value><array><data>".repeat(20),
            "</data></array></value>".repeat(20)
        );
        for (written, why) in [
            (
                "<value><int>x</int></value>",
                "a value of a known type is expected here",
            ),
            ("<value><double>inf</double></value>", "a value of a known type"),
            ("<value><boolean>true</boolean></value>", "a value of a known type"),
            ("<value><name>1</name></value>", "a value of a known type"),
            ("<value>x<int>1</int></value>", "the end of the value"),
            ("<value><int>1</int>x</value>", "the end of the element"),
            ("<value><int>1</int><int>1</int></value>", "the end of the element"),
            ("<int>1</int>", "<value> is expected here"),
            ("<script>1</script>", "an element of XML-RPC"),
            ("<value>&secret;</value>", "an entity other than"),
            ("<value>&#0;</value>", "control character"),
            ("<value>&#xD800;</value>", "control character"),
            ("<value>\u{7}</value>", "control character"),
            ("<value>", "not well-formed"),
            ("<value></int>", "not well-formed"),
            (&deep, "nested deeper than 16"),
        ] {
            let told = param(written).expect_err(written).to_string();
            assert!(told.contains(why), "{written}: {told}");
        }
    }

    #[test]
    fn bombs_are_refused_before_they_grow() {
        let lol = "<!DOCTYPE l [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>";
        let file = "<!DOCTYPE x [<!ENTITY f SYSTEM \"file:///etc/passwd\">]>";
        for declared in [lol, file, "<!DOCTYPE x SYSTEM 'http://192.0.2.1/x.dtd'>"] {
            let body =
                format!("<?xml version='1.0'?>{declared}<methodCall><methodName>&b;&f;</methodName></methodCall>");
            assert_eq!(
                Call::decode(body.as_bytes()),
                Err(WireError::DocumentType),
                "{declared}"
            );
        }
        for deep in ["<methodCall>", "<value>", "<a><b>"] {
            assert!(Call::decode(deep.repeat(100_000).as_bytes()).is_err());
        }
        let values = "<value><array><data>".repeat(200_000);
        assert_eq!(param(&values), Err(WireError::Depth));
    }

    #[test]
    fn other_encodings_are_told_as_such() {
        let latin = b"<?xml version='1.0'?><methodCall><methodName>gr\xfc\xdfe</methodName></methodCall>";
        assert_eq!(Call::decode(latin), Err(WireError::Encoding));
        let body = "<methodCall><methodName>m</methodName></methodCall>";
        let declared =
            |encoding: &str| Call::decode(format!("<?xml version='1.0' encoding='{encoding}'?>{body}").as_bytes());
        assert_eq!(declared("iso-8859-1"), Err(WireError::Declared));
        assert!(declared("UTF-8").is_ok() && declared("us-ascii").is_ok());
        let marked = format!("\u{feff}{body}");
        assert!(Call::decode(marked.as_bytes()).is_ok());
        let wide: Vec<u8> = body.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert!(Call::decode(&wide).is_err());
    }

    #[test]
    fn a_fault_and_an_answer_look_as_clients_expect() {
        assert_eq!(
            fault(401, "Invalid <token>."),
            "<?xml version='1.0' encoding='UTF-8'?>\n<methodResponse><fault><value><struct><member><name>faultCode</name>\
             <value><int>401</int></value></member><member><name>faultString</name><value><string>Invalid &lt;token&gt;.\
             </string></value></member></struct></value></fault></methodResponse>\n"
        );
        assert!(answer(&Value::Whole(1 << 40)).contains("<value><i8>1099511627776</i8></value>"));
        assert!(answer(&Value::from("a\u{1b}b\r")).contains("<string>a\u{fffd}b&#13;</string>"));
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_again(text in "\\PC{0,24}", number: i64, real in -1e9..1e9_f64, octets: Vec<u8>) {
            let values = vec![Value::Text(text.clone()), Value::Whole(number), Value::Real(real), Value::Octets(octets), Value::Nil];
            let value = Value::Struct(vec![(text, Value::List(values))]);
            let mut written = String::new();
            value.encode(&mut written);
            proptest::prop_assert_eq!(param(&written), Ok(value));
        }

        #[test]
        fn nothing_makes_it_panic(body: Vec<u8>, text in "(<|>|/|&|;|value|methodCall|methodName|params|param|int|x){0,40}") {
            let _ = Call::decode(&body);
            let _ = Call::decode(text.as_bytes());
        }
    }
}
