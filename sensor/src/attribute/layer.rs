//! Where code comes from, as the kernel told it.

use anchorwatch_core::behaviour::SourceLayer;

use super::pod::Setting;
use crate::decode::FileSource;

/// Where the code comes from: for a script the more telling of the interpreter's file and the script's own.
pub(super) fn source(executable: FileSource, script: Option<FileSource>) -> SourceLayer {
    let executable = layer(executable);
    let script = script.map_or(executable, layer);
    if weight(script) > weight(executable) {
        script
    } else {
        executable
    }
}

pub(super) const fn layer(source: FileSource) -> SourceLayer {
    match source {
        FileSource::Image => SourceLayer::Image,
        FileSource::ImageCopiedUp => SourceLayer::ImageCopiedUp,
        FileSource::ImageChanged => SourceLayer::ImageChanged,
        FileSource::UpperNew => SourceLayer::UpperNew,
        FileSource::UpperUnknown => SourceLayer::UpperUnknown,
        FileSource::Volume => SourceLayer::Volume,
        FileSource::Memory => SourceLayer::Memory,
        FileSource::Deleted => SourceLayer::Deleted,
        FileSource::Unsupported => SourceLayer::Unsupported,
    }
}

/// A host has no image that a unit's files could be part of, even where its root is an overlay: what is left is whether
/// there is a file at all.
pub(super) const fn in_setting(layer: SourceLayer, setting: Setting) -> SourceLayer {
    match (setting, layer) {
        (Setting::Pod | Setting::Visit | Setting::Alone, layer)
        | (Setting::Unit, layer @ (SourceLayer::Memory | SourceLayer::Deleted)) => layer,
        (
            Setting::Unit,
            SourceLayer::Image
            | SourceLayer::ImageCopiedUp
            | SourceLayer::ImageChanged
            | SourceLayer::UpperNew
            | SourceLayer::UpperUnknown
            | SourceLayer::Volume
            | SourceLayer::Unsupported,
        ) => SourceLayer::Unsupported,
    }
}

/// How far from the image.
const fn weight(layer: SourceLayer) -> u8 {
    match layer {
        SourceLayer::Unsupported => 0,
        SourceLayer::Image => 1,
        SourceLayer::ImageCopiedUp => 2,
        SourceLayer::Volume => 3,
        SourceLayer::UpperUnknown => 4,
        SourceLayer::Deleted => 5,
        SourceLayer::ImageChanged => 6,
        SourceLayer::UpperNew => 7,
        SourceLayer::Memory => 8,
    }
}
