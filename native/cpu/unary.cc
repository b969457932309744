#include "cpu/unary.h"

#include <cmath>

#include "core/error.h"
#include "core/parallel.h"
#include "cpu/js_number.h"
#include "cpu/vector_math.h"

namespace scmoe {

namespace {

/// Elements that make a piece worth another thread: memory traffic for simple operations, arithmetic for the others.
constexpr int64_t kGrain = 16384;

// Sin and Cos are the C library's; the compiler vectorises all others.
#define SCMOE_FLOAT_OP(Op, expression)                     \
  struct Op {                                              \
    float p, q;                                            \
    float operator()(float x) const { return expression; } \
  };
SCMOE_FLOAT_OP(Exp, vexp(x))
SCMOE_FLOAT_OP(Log, vlog(x))
SCMOE_FLOAT_OP(Tanh, vtanh(x))
SCMOE_FLOAT_OP(Sigmoid, 1.0f / (1.0f + vexp(-x)))
SCMOE_FLOAT_OP(Erf, verf(x))
SCMOE_FLOAT_OP(Sqrt, std::sqrt(x))
SCMOE_FLOAT_OP(Rsqrt, 1.0f / std::sqrt(x))
SCMOE_FLOAT_OP(Reciprocal, 1.0f / x)
SCMOE_FLOAT_OP(Floor, std::floor(x))
SCMOE_FLOAT_OP(Ceil, std::ceil(x))
SCMOE_FLOAT_OP(LeakyRelu, x < 0 ? p * x : x)
// The rounding mode is to nearest, ties to even: banker's rounding, as in TF.js.
SCMOE_FLOAT_OP(Round, std::nearbyint(x))
SCMOE_FLOAT_OP(Expm1, vexpm1(x))
SCMOE_FLOAT_OP(Log1p, vlog1p(x))
SCMOE_FLOAT_OP(Sin, std::sin(x))
SCMOE_FLOAT_OP(Cos, std::cos(x))
SCMOE_FLOAT_OP(Elu, x >= 0 ? x : vexpm1(x))
// Constants of Klambauer et al. 2017, arXiv 1706.02515, as TF.js has them (SELU_SCALE, SELU_SCALEALPHA).
SCMOE_FLOAT_OP(Selu, x >= 0 ? 1.0507009873554805f * x : 1.7580993408473768f * vexpm1(x))
// log(1 + e^x) without overflow: the larger of x and 0, and the small rest.
SCMOE_FLOAT_OP(Softplus, (x > 0 ? x : 0) + vlog1p(vexp(-std::fabs(x))))
#undef SCMOE_FLOAT_OP

int32_t clipInt(int32_t x, double least, double greatest) {
  return x > greatest ? toInt32(greatest) : (x < least ? toInt32(least) : x);
}

#define SCMOE_NUMBER_OP(Op, floatExpression, intExpression)       \
  struct Op {                                                     \
    float p, q;                                                   \
    float operator()(float x) const { return floatExpression; }   \
    int32_t operator()(int32_t x) const { return intExpression; } \
  };
SCMOE_NUMBER_OP(Neg, -x, static_cast<int32_t>(0u - static_cast<uint32_t>(x)))
SCMOE_NUMBER_OP(Abs, std::fabs(x),
                static_cast<int32_t>(x < 0 ? 0u - static_cast<uint32_t>(x) : static_cast<uint32_t>(x)))
SCMOE_NUMBER_OP(Square, x* x, static_cast<int32_t>(static_cast<uint32_t>(x) * static_cast<uint32_t>(x)))
SCMOE_NUMBER_OP(Sign, x > 0 ? 1.0f : (x < 0 ? -1.0f : 0.0f), (x > 0) - (x < 0))
SCMOE_NUMBER_OP(Relu, x < 0 ? 0.0f : x, x < 0 ? 0 : x)
SCMOE_NUMBER_OP(Relu6, x < 0 ? 0.0f : (x > 6 ? 6.0f : x), x < 0 ? 0 : (x > 6 ? 6 : x))
SCMOE_NUMBER_OP(Step, x > 0 ? 1.0f : (x != x ? x : p), x > 0 ? 1 : toInt32(p))
SCMOE_NUMBER_OP(ClipByValue, x > q ? q : (x < p ? p : x), clipInt(x, p, q))
#undef SCMOE_NUMBER_OP

#define SCMOE_TEST_OP(Op, In, expression)                           \
  struct Op {                                                       \
    float p, q;                                                     \
    uint8_t operator()(In x) const { return (expression) ? 1 : 0; } \
  };
SCMOE_TEST_OP(IsNan, float, x != x)
SCMOE_TEST_OP(IsInf, float, std::fabs(x) == INFINITY)
SCMOE_TEST_OP(IsFinite, float, std::fabs(x) < INFINITY)
SCMOE_TEST_OP(LogicalNot, uint8_t, x == 0)
#undef SCMOE_TEST_OP

template <typename Op, typename In>
void run(const void* x, void* out, int64_t count, double p, double q) {
  using Out = decltype(Op()(In()));
  const In* from = static_cast<const In*>(x);
  Out* to = static_cast<Out*>(out);
  parallelFor(count, kGrain, [=](int64_t begin, int64_t end) {
    // Here, where no store can be to it: a number of the operation's that only some elements need would stop vectors.
    const Op op{static_cast<float>(p), static_cast<float>(q)};
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) to[i] = op(from[i]);
  });
}

[[noreturn]] void rejectType(const char* op) { throw Error(std::string(op) + ": dtype without a native kernel"); }

}  // namespace

#define SCMOE_DEFINE(Op)                                                                          \
  void unary##Op(ElementType type, const void* x, void* out, int64_t count, double p, double q) { \
    if (type != ElementType::kFloat32) rejectType(#Op);                                           \
    run<Op, float>(x, out, count, p, q);                                                          \
  }
SCMOE_UNARY_FLOAT_OPS(SCMOE_DEFINE)
SCMOE_DEFINE(LeakyRelu)
SCMOE_UNARY_TEST_OPS(SCMOE_DEFINE)
#undef SCMOE_DEFINE

#define SCMOE_DEFINE(Op)                                                                          \
  void unary##Op(ElementType type, const void* x, void* out, int64_t count, double p, double q) { \
    if (type == ElementType::kFloat32) return run<Op, float>(x, out, count, p, q);                \
    if (type == ElementType::kInt32) return run<Op, int32_t>(x, out, count, p, q);                \
    rejectType(#Op);                                                                              \
  }
SCMOE_UNARY_NUMBER_OPS(SCMOE_DEFINE)
SCMOE_DEFINE(Step)
SCMOE_DEFINE(ClipByValue)
#undef SCMOE_DEFINE

#define SCMOE_DEFINE(Op)                                                                          \
  void unary##Op(ElementType type, const void* x, void* out, int64_t count, double p, double q) { \
    if (type != ElementType::kBool) rejectType(#Op);                                              \
    run<Op, uint8_t>(x, out, count, p, q);                                                        \
  }
SCMOE_UNARY_LOGICAL_OPS(SCMOE_DEFINE)
#undef SCMOE_DEFINE

}  // namespace scmoe
