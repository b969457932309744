#include "cpu/binary.h"

#include <cmath>
#include <type_traits>

#include "core/error.h"
#include "core/parallel.h"
#include "cpu/js_number.h"

namespace scmoe {

namespace {

/// Elements that make a piece worth another thread's wake-up (about 10 us): 256 KiB of operands.
constexpr int64_t kGrain = 32768;

// Integers wrap as in an Int32Array; floats follow IEEE 754, with NaN as in JavaScript's Math functions.
struct Add {
  float operator()(float a, float b) const { return a + b; }
  int32_t operator()(int32_t a, int32_t b) const { return static_cast<int32_t>(static_cast<uint32_t>(a) + b); }
};
struct Sub {
  float operator()(float a, float b) const { return a - b; }
  int32_t operator()(int32_t a, int32_t b) const { return static_cast<int32_t>(static_cast<uint32_t>(a) - b); }
};
struct Multiply {
  float operator()(float a, float b) const { return a * b; }
  int32_t operator()(int32_t a, int32_t b) const { return static_cast<int32_t>(static_cast<uint32_t>(a) * b); }
};
struct RealDiv {
  float operator()(float a, float b) const { return a / b; }
  int32_t operator()(int32_t a, int32_t b) const { return toInt32(static_cast<double>(a) / b); }
};
struct Maximum {
  float operator()(float a, float b) const { return (a > b) | (a != a) ? a : b; }
  int32_t operator()(int32_t a, int32_t b) const { return a > b ? a : b; }
};
struct Minimum {
  float operator()(float a, float b) const { return (a < b) | (a != a) ? a : b; }
  int32_t operator()(int32_t a, int32_t b) const { return a < b ? a : b; }
};
struct SquaredDifference {
  float operator()(float a, float b) const { return (a - b) * (a - b); }
  int32_t operator()(int32_t a, int32_t b) const { return Multiply()(Sub()(a, b), Sub()(a, b)); }
};
struct Pow {
  float operator()(float a, float b) const { return jsPow(a, b); }
  int32_t operator()(int32_t a, int32_t b) const { return toInt32(std::pow(static_cast<double>(a), b)); }
};
struct Mod {
  template <typename T>
  T operator()(T a, T b) const {
    const double rest = std::fmod(static_cast<double>(a), b);
    const bool sameSign = (a < 0 && b < 0) || (a >= 0 && b >= 0);
    const double result = sameSign ? rest : std::fmod(rest + b, b);
    if constexpr (std::is_same_v<T, float>) return static_cast<float>(result);
    return static_cast<T>(toInt32(result));
  }
};
struct FloorDiv {
  template <typename T>
  int32_t operator()(T a, T b) const {
    return toInt32(std::floor(static_cast<double>(a) / b));
  }
};
struct Atan2 {
  float operator()(float a, float b) const { return std::atan2(a, b); }
};
struct Prelu {
  float operator()(float x, float alpha) const { return x < 0 ? alpha * x : x; }
};
struct EluGrad {
  float operator()(float dy, float y) const { return y >= 0 ? dy : dy * (y + 1); }
};

#define SCMOE_COMPARE(Op, expression)    \
  struct Op {                            \
    template <typename T>                \
    uint8_t operator()(T a, T b) const { \
      return (expression) ? 1 : 0;       \
    }                                    \
  };
SCMOE_COMPARE(Equal, a == b)
SCMOE_COMPARE(NotEqual, a != b)
SCMOE_COMPARE(Less, a < b)
SCMOE_COMPARE(LessEqual, a <= b)
SCMOE_COMPARE(Greater, a > b)
SCMOE_COMPARE(GreaterEqual, a >= b)
SCMOE_COMPARE(LogicalAnd, (a != 0) & (b != 0))
SCMOE_COMPARE(LogicalOr, (a != 0) | (b != 0))
#undef SCMOE_COMPARE

template <typename Op, typename In, typename Out>
void row(const In* a, int64_t strideA, const In* b, int64_t strideB, Out* out, int64_t count) {
  const Op op;
  if (strideA == 1 && strideB == 1) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) out[i] = op(a[i], b[i]);
  } else if (strideA == 1 && strideB == 0) {
    const In right = *b;
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) out[i] = op(a[i], right);
  } else if (strideA == 0 && strideB == 1) {
    const In left = *a;
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) out[i] = op(left, b[i]);
  } else {
    for (int64_t i = 0; i < count; ++i) out[i] = op(a[i * strideA], b[i * strideB]);
  }
}

template <typename Op, typename In>
void run(const void* a, const void* b, void* out, Strided<2>& walk) {
  using Out = decltype(Op()(In(), In()));
  const In* left = static_cast<const In*>(a);
  const In* right = static_cast<const In*>(b);
  Out* result = static_cast<Out*>(out);
  const int64_t total = walk.elements();
  if (total == 0) return;
  walk.collapse();
  const int64_t inner = walk.size[walk.rank - 1], rows = total / inner;
  const int64_t strideA = walk.stride[0][walk.rank - 1], strideB = walk.stride[1][walk.rank - 1];
  if (rows == 1) {
    parallelFor(inner, kGrain, [&](int64_t begin, int64_t end) {
      row<Op>(left + begin * strideA, strideA, right + begin * strideB, strideB, result + begin, end - begin);
    });
    return;
  }
  parallelFor(rows, kGrain / inner, [&](int64_t begin, int64_t end) {
    Out* next = result + begin * inner;
    walk.forRows(begin, end, [&](const std::array<int64_t, 2>& offset) {
      row<Op>(left + offset[0], strideA, right + offset[1], strideB, next, inner);
      next += inner;
    });
  });
}

[[noreturn]] void rejectType(const char* op) { throw Error(std::string(op) + ": dtype without a native kernel"); }

}  // namespace

#define SCMOE_DEFINE(Op)                                                                        \
  void binary##Op(ElementType type, const void* a, const void* b, void* out, Strided<2> walk) { \
    if (type == ElementType::kFloat32) return run<Op, float>(a, b, out, walk);                  \
    if (type == ElementType::kInt32) return run<Op, int32_t>(a, b, out, walk);                  \
    rejectType(#Op);                                                                            \
  }
SCMOE_ARITHMETIC_OPS(SCMOE_DEFINE)
SCMOE_FLOOR_DIV_OPS(SCMOE_DEFINE)
#undef SCMOE_DEFINE

#define SCMOE_DEFINE(Op)                                                                        \
  void binary##Op(ElementType type, const void* a, const void* b, void* out, Strided<2> walk) { \
    if (type == ElementType::kFloat32) return run<Op, float>(a, b, out, walk);                  \
    rejectType(#Op);                                                                            \
  }
SCMOE_FLOAT_OPS(SCMOE_DEFINE)
#undef SCMOE_DEFINE

#define SCMOE_DEFINE(Op)                                                                        \
  void binary##Op(ElementType type, const void* a, const void* b, void* out, Strided<2> walk) { \
    if (type == ElementType::kFloat32) return run<Op, float>(a, b, out, walk);                  \
    if (type == ElementType::kInt32) return run<Op, int32_t>(a, b, out, walk);                  \
    return run<Op, uint8_t>(a, b, out, walk);                                                   \
  }
SCMOE_COMPARISON_OPS(SCMOE_DEFINE)
#undef SCMOE_DEFINE

#define SCMOE_DEFINE(Op)                                                                        \
  void binary##Op(ElementType type, const void* a, const void* b, void* out, Strided<2> walk) { \
    if (type == ElementType::kBool) return run<Op, uint8_t>(a, b, out, walk);                   \
    rejectType(#Op);                                                                            \
  }
SCMOE_LOGICAL_OPS(SCMOE_DEFINE)
#undef SCMOE_DEFINE

}  // namespace scmoe
