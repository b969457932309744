#pragma once
#include <algorithm>
#include <cstdint>
#include <optional>

#include "core/parallel.h"
#include "cpu/gemm_depths.h"
#include "cpu/weight_pieces.h"

#if SCMOE_BF16_PAIRS

/// Products with weights that come piece by piece, one after the other.
namespace scmoe::piece {

/// A product (rows, 64 * panels) in bf16 of rows as they lie, `stride` numbers apart, with op(weight) of depth k.
struct Product {
  int64_t rows, panels, k;
  const uint16_t* a;
  int64_t stride;
  const float* weight;
  /// Of the weight's rows, which are (k, 64 * panels), or transposed (64 * panels, k).
  int64_t weightStride;
  bool isTransposed;

  Piece piece(int64_t panel, int64_t begin, int64_t size) const {
    const int64_t j = panel * kColumns;
    return {weight + (isTransposed ? j * weightStride + begin : begin * weightStride + j), weightStride, size,
            isTransposed};
  }
};

/// How a product is shared out: panels, and rows as well where there are few of them for so many threads. Items of a
/// part follow each other.
class Sharing {
 public:
  Sharing(int64_t rows, int64_t panels, bool sharesRows) : rows_(rows), panels_(panels) {
    const int64_t team = threads();
    constexpr int64_t kFewestRows = 32;
    if (sharesRows && panels % team != 0 && panels < 4 * team)
      rowParts_ = std::max<int64_t>(1, std::min(team, rows / kFewestRows));
    parts_ = std::min(team, panels_ * rowParts_);
  }
  int64_t parts() const { return parts_; }
  int64_t first(int64_t part) const { return panels_ * rowParts_ * part / parts_; }
  int64_t panel(int64_t item) const { return item % panels_; }
  int64_t firstRow(int64_t item) const { return border(item / panels_); }
  int64_t lastRow(int64_t item) const { return border(item / panels_ + 1); }

 private:
  int64_t border(int64_t part) const { return part == rowParts_ ? rows_ : rows_ * part / rowParts_ / 2 * 2; }

  const int64_t rows_, panels_;
  int64_t rowParts_ = 1, parts_ = 1;
};

/// The piece with which a part of a product begins.
inline Piece firstPiece(const Product& of, const Sharing& sharing, int64_t part) {
  if (of.weight == nullptr || part >= sharing.parts()) return {};
  std::optional<Piece> result;
  forLibraryDepths<Pairs>(of.k, [&](int64_t begin, int64_t size) {
    if (!result) result = of.piece(sharing.panel(sharing.first(part)), begin, size);
  });
  return *result;
}

/// Items of one part of a product. Sums of a panel go to `y` (rows, yStride), or where that is null to a block of their
/// own; then finish(panel, firstRow, count, sums, stride) has some rows of them. `following` is the piece that this
/// part's thread takes next.
template <typename Finish>
void multiply(const Product& of, const Sharing& sharing, int64_t part, PieceRoom& room, const Piece& following,
              float* y, int64_t yStride, const Finish& finish) {
  Arena::Scope scope;
  const int64_t cuts = [&] {
    int64_t count = 0;
    forLibraryDepths<Pairs>(of.k, [&](int64_t, int64_t) { ++count; });
    return count;
  }();
  // Sums of one cut after the other are kept of all rows, those of a single one of a tile.
  float* const held = scope.take<float>((cuts > 1 ? of.rows : kRows) * kColumns);
  const int64_t first = sharing.first(part), last = sharing.first(part + 1), stride = of.stride / 2;
  for (int64_t item = first; item < last; ++item) {
    const int64_t panel = sharing.panel(item), begin = sharing.firstRow(item), rows = sharing.lastRow(item) - begin;
    // Of even numbers of rows, for a gradient has pairs of them.
    const int64_t tiles = tilesOf(rows), pairs = (rows + 1) / 2;
    const auto border = [&](int64_t t) { return std::min(rows, pairs * t / tiles * 2); };
    forLibraryDepths<Pairs>(of.k, [&](int64_t depth, int64_t size) {
      const bool isLast = depth + size == of.k;
      const float* const words = room.take(of.piece(panel, depth, size));
      Piece next = following;
      if (!isLast || item + 1 < last) {
        std::optional<Piece> found;
        forLibraryDepths<Pairs>(of.k, [&](int64_t other, int64_t otherSize) {
          if (!found && (isLast || other > depth))
            found = of.piece(isLast ? sharing.panel(item + 1) : panel, other, otherSize);
        });
        next = *found;
      }
      room.begin(next, tiles);
      const float* const left = reinterpret_cast<const float*>(of.a + begin * of.stride) + depth / 2;
      for (int64_t t = 0; t < tiles; ++t) {
        const int64_t at = border(t), count = border(t + 1) - at;
        float* const own = held + (cuts > 1 ? at * kColumns : 0);
        TileSums sums{own, kColumns};
        if (isLast && y) sums = {y + (begin + at) * yStride + panel * kColumns, yStride};
        if (depth > 0) sums.before = own, sums.beforeStride = kColumns;
        tileOf(count, size / 2, left + at * stride, PlainRows{stride}, words, sums, room.ask(), room.order(size / 2));
        if (isLast) finish(panel, begin + at, count, sums.to, sums.stride);
        room.advance();
      }
    });
  }
}

}  // namespace scmoe::piece

#endif
