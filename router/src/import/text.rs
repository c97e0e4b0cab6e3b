//! Whether a file is a text that could be a list, before it is taken apart.

use super::ImportError;

/// A byte order mark, which some spreadsheets put first.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// How UTF-16 begins, low byte or high byte first.
const UTF16_MARKS: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// The text of a file without its byte order mark.
///
/// # Errors
/// [`ImportError::NotAList`] for what is saved in place of a list by mistake: an error page, an archive, another encoding.
pub(super) fn of_a_list(bytes: &[u8]) -> Result<&[u8], ImportError> {
    if UTF16_MARKS.iter().any(|mark| bytes.starts_with(mark)) {
        return Err(ImportError::NotAList("it is UTF-16; save it as UTF-8"));
    }
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if text.contains(&0) {
        return Err(ImportError::NotAList("it has NUL bytes: another encoding than UTF-8, or no text at all"));
    }
    match text.trim_ascii_start().first() {
        None => Err(ImportError::NotAList("the file is empty")),
        Some(b'<') => {
            Err(ImportError::NotAList("it begins with `<`: an HTML page or XML, such as a server's error page"))
        }
        Some(b'{' | b'[') => Err(ImportError::NotAList("it is JSON")),
        Some(_) => Ok(text),
    }
}
