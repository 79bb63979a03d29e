"""Everything that can go wrong, by name.

    CodecError (ValueError)       something asked for, or handed in, that cannot be done
      ImageError                  the picture cannot be coded: mode, size, not a picture
      FormatError                 the bytes are not a file this version can read
        NotSelfvaeError             they do not start with the magic number
        VersionError                a format number this version does not know
        HeaderError                 damaged or illegal header or level table
        ChecksumError               a level's bytes are damaged
        TruncatedError              cut off before the end of level 1: nothing to show
        TrailingBytesError          bytes after the end of the last level
      ModelError                  the networks are the problem
        UnknownModelError           the file names a model that is not installed
        WeightsError                a weights file is missing or damaged
      SizeLimitError              more pixels than are decoded, unless a higher limit is asked for
      MismatchError               decoded symbols do not match the checksum in the file: this decoder
                                  does not compute what the encoder computed

    CodecWarning (UserWarning)    done, but not quite as asked
      TruncatedWarning            cut off after level 1: fewer levels than asked for are returned
      SizeWarning                 so many pixels that a hostile file might claim them
      PictureWarning              a picture file was taken in, but not all of it, or not as it is: what, in words
      MetadataWarning             the picture is fine, some of its metadata could not be kept
      WeightsWarning              weights of somebody's own are used
      TargetWarning               no quality is small enough for the size asked for

A file that cannot be read or written raises OSError, as everywhere in Python.
"""


class CodecError(ValueError):
    """Base of every error this package raises on purpose."""


class ImageError(CodecError):
    """The input picture cannot be coded (mode, size), or a picture cannot be written as asked."""


class FormatError(CodecError):
    """The bytes are not a file that this version can read."""


class NotSelfvaeError(FormatError):
    """The bytes do not start with the magic number."""


class VersionError(FormatError):
    """The file has a format number that this version does not know."""


class HeaderError(FormatError):
    """The header or the level table is damaged, or holds a value outside its legal range."""


class ChecksumError(FormatError):
    """The bytes of a level (or of the metadata) do not match their checksum."""


class TruncatedError(FormatError):
    """The file ends before level 1 does, so there is nothing to decode."""


class TrailingBytesError(FormatError):
    """The file goes on after its last level."""


class ModelError(CodecError):
    """The networks that a file needs cannot be used."""


class UnknownModelError(ModelError):
    """The file names a model that is not installed; the message lists the ids that are."""


class WeightsError(ModelError):
    """A weights file is missing, damaged, or does not fit its configuration."""


class SizeLimitError(CodecError):
    """The file claims more pixels than the limit allows; no work was done."""


class MismatchError(CodecError):
    """Decoded symbols do not match their check value: decoder and encoder computed different numbers."""


class CodecWarning(UserWarning):
    """Base of every warning this package gives."""


class TruncatedWarning(CodecWarning):
    """The file is cut off: the levels that are whole were returned, and they are fewer than asked for."""


class SizeWarning(CodecWarning):
    """The file claims so many pixels that decoding takes gigabytes: fine if you trust it."""


class PictureWarning(CodecWarning):
    """Of a picture file something was converted, or left out beside the picture; the message names it."""


class MetadataWarning(CodecWarning):
    """Some of the picture's metadata could not be kept; its pixels are not affected."""


class WeightsWarning(CodecWarning):
    """Weights that no release ships are used: files made with them can be read only where they are."""


class TargetWarning(CodecWarning):
    """Even the lowest quality is larger than the size asked for; the smallest file was returned."""
