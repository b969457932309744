#pragma once
#include <cstdint>

#include "cpu/activation_rows.h"
#include "cpu/operand_kinds.h"

#if SCMOE_BF16_PAIRS

/// Rows of a hidden layer between two products in bf16: what is kept of them, and in which orders the next products
/// read them. Columns are a multiple of 2 * kLanes.
namespace scmoe::piece {

/// The numbers of half a vector of pairs. Masked, for gcc 12 warns of what plain ones leave open.
inline Vec half(const uint16_t* from, int which) {
  const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + which * kLanes));
  return reinterpret_cast<Vec>(_mm512_maskz_slli_epi32(0xffff, _mm512_maskz_cvtepu16_epi32(0xffff, words), 16));
}

/// Past the caches where `to` allows it: nobody reads it soon, and lines that are written as a whole need not be
/// fetched first.
inline void storePast(uint16_t* to, Vec pairs) {
  if (reinterpret_cast<uintptr_t>(to) % 64 == 0)
    _mm512_stream_ps(reinterpret_cast<float*>(to), reinterpret_cast<__m512>(pairs));
  else
    store(reinterpret_cast<float*>(to), pairs);
}

/// Words of the first and of the second sixteen columns of two rows in bf16: each with its upper half from the row
/// below.
class PairedRows {
 public:
  PairedRows() {
    alignas(64) uint16_t places[2][2 * kLanes];
    for (int i = 0; i < 2 * kLanes; ++i)
      for (int which = 0; which < 2; ++which)
        places[which][i] = static_cast<uint16_t>(which * kLanes + i / 2 + i % 2 * 2 * kLanes);
    low_ = _mm512_load_si512(places[0]);
    high_ = _mm512_load_si512(places[1]);
  }
  /// to: 2 * kLanes words.
  void pair(const uint16_t* upper, const uint16_t* lower, float* to) const {
    const __m512i first = _mm512_loadu_si512(upper);
    const __m512i second = lower ? _mm512_loadu_si512(lower) : _mm512_setzero_si512();
    _mm512_storeu_si512(to, _mm512_permutex2var_epi16(first, low_, second));
    _mm512_storeu_si512(to + kLanes, _mm512_permutex2var_epi16(first, high_, second));
  }

 private:
  __m512i low_, high_;
};

/// Activation of rows one after the other, with what that needs in registers.
template <Activation A>
class HiddenRows {
 public:
  HiddenRows() {
    if constexpr (A == Activation::kGelu) {
      normal_ = normalTable().load();
      slope_ = geluSlopeTable().load();
    }
  }

  /// Activated sums of a row with the bias, in bf16 at `next`. Where they are kept for a gradient, so is what they were
  /// before; `pre` and `hidden` may be null.
  [[gnu::always_inline]] void activate(int64_t columns, const float* bias, float* sums, uint16_t* pre, uint16_t* hidden,
                                       uint16_t* next) const {
    for (int64_t j = 0; j < columns; j += 2 * kLanes) {
      Vec pairs;
      if constexpr (A == Activation::kGelu) {
        Vec first = load(sums + j), second = load(sums + j + kLanes);
        if (bias) {
          first += load(bias + j);
          second += load(bias + j + kLanes);
        }
        if (pre) storePast(pre + j, pairsAlong(first, second));
        pairs = pairsAlong(normal_(first, first), normal_(second, second));
      } else {
        alignas(64) float after[2 * kLanes];
        activateRow<A>(2 * kLanes, bias ? bias + j : nullptr, sums + j, after);
        if (pre) storePast(pre + j, pairsOf(sums + j));
        pairs = pairsOf(after);
      }
      if (hidden) storePast(hidden + j, pairs);
      store(reinterpret_cast<float*>(next + j), pairs);
    }
  }

  /// slopes: a row of the gradient behind the activation times its slope at `pre`, in bf16. `total` gets it added
  /// before it is rounded.
  [[gnu::always_inline]] void slopes(int64_t columns, float* dy, const uint16_t* pre, float* total,
                                     uint16_t* slopes) const {
    for (int64_t j = 0; j < columns; j += 2 * kLanes) {
      Vec first, second;
      if constexpr (A == Activation::kGelu) {
        const auto slope = [&](Vec value, Vec factor) {
          const Vec result = slope_(value, factor);
          return value == value ? result : value;  // NaN stays
        };
        first = slope(half(pre + j, 0), load(dy + j));
        second = slope(half(pre + j, 1), load(dy + j + kLanes));
      } else {
        alignas(64) float before[2 * kLanes];
        store(before, half(pre + j, 0));
        store(before + kLanes, half(pre + j, 1));
        slopeRow<A>(2 * kLanes, dy + j, before, dy + j);
        first = load(dy + j);
        second = load(dy + j + kLanes);
      }
      store(total + j, load(total + j) + first);
      store(total + j + kLanes, load(total + j + kLanes) + second);
      store(reinterpret_cast<float*>(slopes + j), pairsAlong(first, second));
    }
  }

 private:
  OddTable::Loaded normal_, slope_;
};

}  // namespace scmoe::piece

#endif
