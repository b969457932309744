#pragma once
#include <algorithm>
#include <cstdint>

#include "core/arena.h"
#include "cpu/piece_tile.h"

#if SCMOE_BF16_PAIRS

/// A weight that is read from memory once, piece by piece in the order of its products: while one piece is multiplied
/// the next one is asked for, and rounded and put in order between tiles, so that neither memory nor a cache is waited
/// for.
namespace scmoe::piece {

/// 64 columns of op(weight), some of its depth: `depth` numbers, a multiple of 32, of which the weight's rows have all
/// where it is transposed.
struct Piece {
  const float* from = nullptr;
  int64_t stride = 0, depth = 0;
  bool isTransposed = false;

  bool operator==(const Piece& other) const {
    return from == other.from && stride == other.stride && depth == other.depth && isTransposed == other.isTransposed;
  }
  /// What is put in order at a time: two rows, or a square of sixteen rows and 32 numbers.
  int64_t units() const { return isTransposed ? kVectors * (depth / (2 * kLanes)) : depth / 2; }

  /// Puts some units in order: to (depth / 2, kColumns) words.
  void order(int64_t first, int64_t last, float* to) const {
    for (int64_t unit = first; unit < last; ++unit) {
      if (!isTransposed) {
        const float *const upper = from + 2 * unit * stride, *const lower = upper + stride;
#pragma GCC unroll 4
        for (int64_t j = 0; j < kColumns; j += kLanes)
          store(to + unit * kColumns + j, pairUp(load(upper + j), load(lower + j)));
        continue;
      }
      const int64_t v = unit / (depth / (2 * kLanes)), p = unit % (depth / (2 * kLanes)) * kLanes;
      const float* const rows = from + v * kLanes * stride + 2 * p;
      Vec square[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) square[i] = pairsOf(rows + i * stride);
      transposeVectors(square);
      float* const words = to + p * kColumns + v * kLanes;
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) store(words + i * kColumns, square[i]);
    }
  }

  /// Where the numbers of some units lie, 128 bytes each, at most `most`.
  int64_t places(int64_t first, int64_t last, const char** to, int64_t most) const {
    constexpr int64_t kNumbers = 128 / sizeof(float);
    int64_t count = 0;
    const auto add = [&](const float* numbers) {
      if (count < most) to[count++] = reinterpret_cast<const char*>(numbers);
    };
    for (int64_t unit = first; unit < last; ++unit) {
      if (isTransposed) {
        const int64_t v = unit / (depth / kNumbers), p = unit % (depth / kNumbers) * kNumbers;
        for (int i = 0; i < kLanes; ++i) add(from + (v * kLanes + i) * stride + p);
      } else {
        for (int64_t row = 2 * unit; row < 2 * unit + 2; ++row)
          for (int64_t j = 0; j < kColumns; j += kNumbers) add(from + row * stride + j);
      }
    }
    return count;
  }
};

/// Room of one thread for two pieces: the one that is multiplied and the next.
class PieceRoom {
 public:
  PieceRoom(Arena::Scope& scope, int64_t deepest)
      : panels_{scope.take<float>(deepest / 2 * kColumns), scope.take<float>(deepest / 2 * kColumns)} {}

  /// The piece in order.
  const float* take(const Piece& piece) {
    if (next_ == piece) {
      current_ = 1 - current_;
    } else {
      piece.order(0, piece.units(), panels_[current_]);
    }
    next_ = Piece();
    return panels_[current_];
  }

  /// A piece that will be taken after `tiles` tiles; none without a place.
  void begin(const Piece& piece, int64_t tiles) {
    coming_ = piece;
    tiles_ = tiles;
    tile_ = 0;
  }

  /// What a tile asks for: the units that are put in order after the tile that follows.
  Asked ask() {
    Asked asked;
    if (coming_.from == nullptr) return asked;
    if (tile_ > 0 && coming_.isTransposed) {
      const int64_t unit = border(tile_ - 1), across = coming_.depth / (2 * kLanes);
      asked.near = places_[(tile_ - 1) % 2];
      asked.nearCount = count_;
      asked.nearTo = panels_[1 - current_] + unit % across * kLanes * kColumns + unit / across * kLanes;
    }
    if (tile_ + 1 < tiles_) {
      asked.places = places_[tile_ % 2];
      asked.count = count_ = coming_.places(border(tile_), border(tile_ + 1), places_[tile_ % 2], kMost);
    }
    return asked;
  }

  /// What a tile of so many words of depth puts in order meanwhile.
  Ordered order(int64_t depth) {
    ordered_ = tile_ > 0 ? border(tile_ - 1) : 0;
    if (coming_.from == nullptr || coming_.isTransposed || tile_ == 0) return {};
    const int64_t first = ordered_, units = std::min(border(tile_) - first, depth / 4);
    ordered_ += units;
    return {coming_.from + 2 * first * coming_.stride, coming_.stride, units, panels_[1 - current_] + first * kColumns};
  }

  /// After a tile: the rest of its share of the next piece.
  void advance() {
    if (coming_.from == nullptr) return;
    float* const to = panels_[1 - current_];
    if (tile_ > 0) coming_.order(ordered_, border(tile_), to);
    if (++tile_ < tiles_) return;
    if (tiles_ == 1) coming_.order(0, coming_.units(), to);
    next_ = coming_;
    coming_ = Piece();
  }

 private:
  /// Units that have been asked for when `tile` begins: all when the last one does.
  int64_t border(int64_t tile) const { return coming_.units() * tile / std::max<int64_t>(1, tiles_ - 1); }

  static constexpr int64_t kMost = 512;
  const char* places_[2][kMost];
  int64_t count_ = 0;
  float* panels_[2];
  int current_ = 0;
  Piece next_, coming_;
  int64_t tiles_ = 0, tile_ = 0, ordered_ = 0;
};

}  // namespace scmoe::piece

#endif
