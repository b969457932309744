#pragma once
#include <stdexcept>
#include <string>

namespace scmoe {

/// Thrown by kernels and the loader; the binding turns it into a JavaScript Error with the same text.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace scmoe
