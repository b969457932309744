#include "bindings/walk.h"

namespace scmoe {

Strided<2> readWalk(const Call& call, size_t index, const char* name) {
  int64_t numbers[1 + 3 * kMaxRank];
  call.walk(index, name, kMaxRank, 2, numbers);
  Strided<2> walk;
  walk.rank = static_cast<int>(numbers[0]);
  for (int d = 0; d < walk.rank; ++d) {
    walk.size[d] = numbers[1 + d];
    for (int o = 0; o < 2; ++o) walk.stride[o][d] = numbers[1 + (1 + o) * walk.rank + d];
  }
  return walk;
}

Length elements(const Strided<2>& walk) {
  Length product{1};
  for (int d = 0; d < walk.rank; ++d) product = product * Length{walk.size[d]};
  return product;
}

Length reach(const Strided<2>& walk, Length operand, Length offset) {
  Length up = offset + Length{1}, down{0};
  for (int d = 0; d < walk.rank; ++d) {
    if (walk.size[d] == 0) return {0};
    const int64_t stride = walk.stride[operand.value][d];
    const Length steps{walk.size[d] - 1};
    if (stride > 0) up = up + steps * Length{stride};
    if (stride < 0) down = down + steps * Length{-stride};
  }
  return down.value > offset.value ? Length{std::numeric_limits<int64_t>::max()} : up;
}

}  // namespace scmoe
