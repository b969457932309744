#include "cpu/reduce.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <type_traits>

#include "core/arena.h"
#include "core/error.h"
#include "core/parallel.h"
#include "cpu/js_number.h"

namespace scmoe {

namespace {

constexpr int64_t kGrain = 65536;  // elements worth another thread
constexpr int64_t kWidth = 128;    // columns that are summed at a time: their sums stay in registers and first cache
constexpr int64_t kLanes = 16;     // independent sums along a contiguous row

// A reducer: Sum is what accumulates, start() its neutral value, add() and merge() the operation, finish() the result.
struct SumOf {
  template <typename In>
  struct For {
    using Sum = double;
    using Out = int32_t;
    static Sum start() { return 0; }
    static Sum add(Sum sum, In x) { return sum + x; }
    static Out finish(Sum sum, int64_t) { return toInt32(sum); }
  };
};
template <>
struct SumOf::For<float> {
  using Sum = double;
  using Out = float;
  static Sum start() { return 0; }
  static Sum add(Sum sum, float x) { return sum + x; }
  static Out finish(Sum sum, int64_t) { return static_cast<float>(sum); }
};

struct MeanOf {
  template <typename In>
  struct For {
    using Sum = double;
    using Out = float;
    static Sum start() { return 0; }
    static Sum add(Sum sum, double x) { return sum + x; }
    static Out finish(Sum sum, int64_t count) { return static_cast<float>(sum / count); }
  };
};

struct ProdOf {
  template <typename In>
  struct For {
    using Sum = double;
    using Out = std::conditional_t<std::is_same_v<In, float>, float, int32_t>;
    static Sum start() { return 1; }
    static Sum add(Sum product, double x) { return product * x; }
    static Out finish(Sum product, int64_t) {
      if constexpr (std::is_same_v<In, float>) return static_cast<float>(product);
      return toInt32(product);
    }
  };
};

template <typename Better>
struct ExtremumOf {
  template <typename In>
  struct For {
    using Sum = In;
    using Out = In;
    static Sum start() {
      using Limits = std::numeric_limits<In>;
      const In lowest = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
      const In highest = Limits::has_infinity ? Limits::infinity() : Limits::max();
      return Better()(In(1), In(0)) ? lowest : highest;
    }
    // x != x is NaN, which is kept: nothing compares better than it.
    static Sum add(Sum best, In x) { return Better()(x, best) | (x != x) ? x : best; }
    static Out finish(Sum best, int64_t) { return best; }
  };
};
using MaxOf = ExtremumOf<std::greater<>>;
using MinOf = ExtremumOf<std::less<>>;

struct AllOf {
  template <typename In>
  struct For {
    using Sum = uint8_t;
    using Out = uint8_t;
    static Sum start() { return 1; }
    static Sum add(Sum all, In x) { return all & (x != 0); }
    static Out finish(Sum all, int64_t) { return all; }
  };
};
struct AnyOf {
  template <typename In>
  struct For {
    using Sum = uint8_t;
    using Out = uint8_t;
    static Sum start() { return 0; }
    static Sum add(Sum any, In x) { return any | (x != 0); }
    static Out finish(Sum any, int64_t) { return any; }
  };
};

template <typename R, typename In, typename Sum>
Sum reduceRow(const In* x, int64_t count) {
  Sum lanes[kLanes];
  for (int64_t l = 0; l < kLanes; ++l) lanes[l] = R::start();
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
#pragma omp simd
    for (int64_t l = 0; l < kLanes; ++l) lanes[l] = R::add(lanes[l], x[i + l]);
  }
  for (int64_t l = 0; i < count; ++i, ++l) lanes[l] = R::add(lanes[l], x[i]);
  for (int64_t l = 1; l < kLanes; ++l) lanes[0] = R::add(lanes[0], lanes[l]);
  return lanes[0];
}

/// Reduces rows of `width` neighbouring columns, `stride` apart.
template <typename R, typename In, typename Sum>
void reduceColumns(const In* x, int64_t count, int64_t stride, int64_t width, Sum* sums) {
  for (int64_t j = 0; j < width; ++j) sums[j] = R::start();
  for (int64_t i = 0; i < count; ++i) {
    const In* row = x + i * stride;
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) sums[j] = R::add(sums[j], row[j]);
  }
}

/// The work is a grid (outer, tiles of columns, parts of the reduced axis). Only a grid that would be too small for
/// several threads is cut into parts, by its shape and not by the number of threads: results don't depend on that.
template <typename R, typename In>
void reduce(const In* x, typename R::Out* out, int64_t outer, int64_t count, int64_t inner) {
  using Sum = typename R::Sum;
  const int64_t tiles = (inner + kWidth - 1) / kWidth, cells = outer * tiles;
  const int64_t width = std::min(inner, kWidth);
  const int64_t parts = cells >= 16 ? 1 : std::clamp<int64_t>(count * width / kGrain, 1, 64);
  Arena::Scope scope;
  Sum* const partial = parts > 1 ? scope.take<Sum>(parts * outer * inner) : nullptr;

  const int64_t grain = kGrain / std::max<int64_t>(1, count / parts * width) + 1;
  parallelFor(cells * parts, parts > 1 ? 1 : grain, [&](int64_t begin, int64_t end) {
    Sum local[kWidth];
    for (int64_t item = begin; item < end; ++item) {
      const int64_t part = item % parts, tile = item / parts % tiles, o = item / parts / tiles;
      const int64_t first = count * part / parts, length = count * (part + 1) / parts - first;
      const int64_t column = tile * kWidth, columns = std::min(kWidth, inner - column);
      const In* from = x + (o * count + first) * inner + column;
      if (inner == 1)
        local[0] = reduceRow<R, In, Sum>(from, length);
      else
        reduceColumns<R, In, Sum>(from, length, inner, columns, local);
      if (partial) {
        std::copy_n(local, columns, partial + (part * outer + o) * inner + column);
      } else {
        for (int64_t j = 0; j < columns; ++j) out[o * inner + column + j] = R::finish(local[j], count);
      }
    }
  });
  if (!partial) return;
  for (int64_t i = 0; i < outer * inner; ++i) {
    Sum sum = partial[i];
    for (int64_t part = 1; part < parts; ++part) sum = R::add(sum, partial[part * outer * inner + i]);
    out[i] = R::finish(sum, count);
  }
}

template <typename Op, typename In>
void run(const void* x, void* out, int64_t outer, int64_t count, int64_t inner) {
  using R = typename Op::template For<In>;
  reduce<R, In>(static_cast<const In*>(x), static_cast<typename R::Out*>(out), outer, count, inner);
}

/// The best value of a contiguous row first, which the compiler vectorises, then where it stands.
template <typename Better, typename T>
int32_t argBestOfRow(const T* x, int64_t count) {
  if (x[0] != x[0]) return 0;  // nothing compares better than NaN
  T lanes[kLanes];
  std::fill_n(lanes, kLanes, x[0]);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
#pragma omp simd
    for (int64_t l = 0; l < kLanes; ++l) {
      const T value = x[i + l];
      lanes[l] = Better()(value, lanes[l]) ? value : lanes[l];
    }
  }
  T best = lanes[0];
  for (int64_t l = 1; l < kLanes; ++l) best = Better()(lanes[l], best) ? lanes[l] : best;
  for (; i < count; ++i) best = Better()(x[i], best) ? x[i] : best;
  return static_cast<int32_t>(std::find(x, x + count, best) - x);
}

template <typename Better, typename T>
void argBest(const T* x, int32_t* out, int64_t outer, int64_t count, int64_t inner) {
  parallelFor(outer * inner, kGrain / count + 1, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item) {
      const T* from = x + item / inner * count * inner + item % inner;
      if (inner == 1) {
        out[item] = argBestOfRow<Better>(from, count);
        continue;
      }
      T best = from[0];
      int32_t index = 0;
      for (int64_t i = 1; i < count; ++i) {
        if (Better()(from[i * inner], best)) {
          best = from[i * inner];
          index = static_cast<int32_t>(i);
        }
      }
      out[item] = index;
    }
  });
}

template <typename Better>
void argBest(ElementType type, const void* x, int32_t* out, int64_t outer, int64_t count, int64_t inner) {
  switch (type) {
    case ElementType::kFloat32: return argBest<Better>(static_cast<const float*>(x), out, outer, count, inner);
    case ElementType::kInt32: return argBest<Better>(static_cast<const int32_t*>(x), out, outer, count, inner);
    case ElementType::kBool: return argBest<Better>(static_cast<const uint8_t*>(x), out, outer, count, inner);
  }
}

}  // namespace

#define SCMOE_DEFINE(Op)                                                                                     \
  void reduce##Op(ElementType type, const void* x, void* out, int64_t outer, int64_t count, int64_t inner) { \
    switch (type) {                                                                                          \
      case ElementType::kFloat32: return run<Op##Of, float>(x, out, outer, count, inner);                    \
      case ElementType::kInt32: return run<Op##Of, int32_t>(x, out, outer, count, inner);                    \
      case ElementType::kBool: return run<Op##Of, uint8_t>(x, out, outer, count, inner);                     \
    }                                                                                                        \
  }
SCMOE_SUM_OPS(SCMOE_DEFINE)
SCMOE_MEAN_OPS(SCMOE_DEFINE)
SCMOE_EXTREMUM_OPS(SCMOE_DEFINE)
#undef SCMOE_DEFINE

#define SCMOE_DEFINE(Op)                                                                                     \
  void reduce##Op(ElementType type, const void* x, void* out, int64_t outer, int64_t count, int64_t inner) { \
    if (type != ElementType::kBool) throw Error(#Op ": expected bool");                                      \
    run<Op##Of, uint8_t>(x, out, outer, count, inner);                                                       \
  }
SCMOE_TRUTH_OPS(SCMOE_DEFINE)
#undef SCMOE_DEFINE

void argMax(ElementType type, const void* x, int32_t* out, int64_t outer, int64_t count, int64_t inner) {
  argBest<std::greater<>>(type, x, out, outer, count, inner);
}

void argMin(ElementType type, const void* x, int32_t* out, int64_t outer, int64_t count, int64_t inner) {
  argBest<std::less<>>(type, x, out, outer, count, inner);
}

}  // namespace scmoe
