//! XML as bank files have it: elements, text, no document type, no entities but the predefined ones. Read into a tree
//! within limits.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

/// Elements of one file.
const ELEMENTS_MAX: usize = 8_000_000;
const DEPTH_MAX: usize = 32;

/// An element: name without prefix, text, children.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    /// The first child of a name.
    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The children of a name.
    pub(super) fn all<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The element at the end of a path of first children.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Element> {
        path.iter().try_fold(self, |element, name| element.child(name))
    }
}

/// Reads a document; says what is wrong without repeating it.
pub(super) fn parse(bytes: &[u8]) -> Result<Element, &'static str> {
    let text = str::from_utf8(bytes).map_err(|_| "malformed XML, expected UTF-8")?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut elements = 0;
    loop {
        match reader.read_event().map_err(|_| "malformed XML, expected a well-formed document")? {
            Event::Start(start) => {
                elements += 1;
                if open.len() >= DEPTH_MAX || elements > ELEMENTS_MAX {
                    return Err("the document is too deep or has too many elements");
                }
                open.push(begun(&start)?);
            }
            Event::Empty(start) => {
                elements += 1;
                if elements > ELEMENTS_MAX {
                    return Err("the document is too deep or has too many elements");
                }
                close(begun(&start)?, &mut open, &mut root)?;
            }
            Event::End(_) => {
                let element = open.pop().ok_or("malformed XML, expected an element to end")?;
                close(element, &mut open, &mut root)?;
            }
            Event::Text(text) => {
                let text = text.decode().map_err(|_| "malformed XML, expected UTF-8")?;
                match open.last_mut() {
                    Some(element) => element.text.push_str(&text),
                    None if text.trim().is_empty() => {}
                    None => return Err("malformed XML, expected one element"),
                }
            }
            Event::GeneralRef(reference) => {
                open.last_mut()
                    .ok_or("malformed XML, expected one element")?
                    .text
                    .push(character(&reference)?);
            }
            Event::DocType(_) => return Err("a document type is declared, expected none"),
            Event::CData(_) | Event::PI(_) => return Err("expected elements and text alone"),
            Event::Decl(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    if open.is_empty() {
        root.ok_or("malformed XML, expected an element")
    } else {
        Err("malformed XML, it breaks off")
    }
}

fn begun(start: &quick_xml::events::BytesStart<'_>) -> Result<Element, &'static str> {
    let name = String::from_utf8(start.local_name().as_ref().to_vec());
    let name = name.map_err(|_| "malformed XML, expected UTF-8")?;
    let mut namespace = String::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| "malformed XML, expected attributes in quotes")?;
        if attribute.key.as_namespace_binding().is_some() {
            namespace = String::from_utf8_lossy(&attribute.value).into_owned();
        }
    }
    Ok(Element { name, namespace, ..Element::default() })
}

/// The character that a reference stands for: a predefined entity, or a number.
fn character(reference: &BytesRef<'_>) -> Result<char, &'static str> {
    let numbered =
        reference.resolve_char_ref().map_err(|_| "malformed XML, expected references to characters")?;
    numbered.map_or_else(
        || match &**reference {
            b"amp" => Ok('&'),
            b"lt" => Ok('<'),
            b"gt" => Ok('>'),
            b"quot" => Ok('"'),
            b"apos" => Ok('\''),
            _ => Err("an entity is not predefined, expected none but amp, lt, gt, quot and apos"),
        },
        Ok,
    )
}

fn close(element: Element, open: &mut [Element], root: &mut Option<Element>) -> Result<(), &'static str> {
    let element = Element { text: element.text.trim().to_owned(), ..element };
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None if root.is_none() => *root = Some(element),
        None => return Err("malformed XML, expected one element"),
    }
    Ok(())
}
