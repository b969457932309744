#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/error.h"

namespace scmoe::tensorflow {

/// Type and sizes of a tensor; an unknown size is -1.
struct Description {
  int dtype = 0;
  bool hasRank = true;
  std::vector<int64_t> dims;
};

/// `float32[2,3]`; `float32[?]` where the rank is unknown.
std::string textOf(const Description& description);

/// Where descriptions are written for JavaScript; see signatures/tensorflow/session.ts.
class Results {
 public:
  Results(int32_t* data, int64_t capacity) : data_(data), capacity_(capacity) {}
  void add(int64_t number);
  void add(int32_t id, const Description& description);

 private:
  int32_t* data_;
  int64_t capacity_;
  int64_t used_ = 0;
};

}  // namespace scmoe::tensorflow
