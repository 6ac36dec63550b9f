//! A figure as PDF, its fonts embedded.

use std::sync::{Arc, LazyLock};

use svg2pdf::usvg::{self, fontdb};

/// Sans-serif families, the preferred first.
const FAMILIES: [&str; 6] = ["Helvetica", "Arial", "Liberation Sans", "DejaVu Sans", "Noto Sans", "Segoe UI"];

/// The system's fonts; `None` where it has no sans-serif one.
static FONTS: LazyLock<Option<Arc<fontdb::Database>>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_system_fonts();
    let has = |family: &&&str| fonts.faces().any(|face| face.families.iter().any(|(name, _)| name == **family));
    let family = FAMILIES.iter().find(has)?;
    fonts.set_sans_serif_family(*family);
    Some(Arc::new(fonts))
});

/// The bytes of a figure's PDF, as large as the figure, at 96 pixels an inch.
///
/// # Errors
/// What to do where there is no font, and why a figure can't be converted.
pub fn pdf(svg: &str) -> Result<Vec<u8>, String> {
    let Some(fontdb) = FONTS.clone() else {
        let families = FAMILIES.join(", ");
        return Err(format!("no font for it: install one of {families} (Debian: fonts-dejavu-core), or --format svg"));
    };
    let tree = usvg::Tree::from_str(svg, &usvg::Options { fontdb, ..Default::default() }).map_err(|e| e.to_string())?;
    let page = svg2pdf::PageOptions { dpi: 96.0 };
    svg2pdf::to_pdf(&tree, svg2pdf::ConversionOptions::default(), page).map_err(|e| e.to_string())
}
