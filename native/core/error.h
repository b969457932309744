#pragma once
#include <stdexcept>
#include <string>

namespace scmoe {

/// Thrown by kernels and the loader; the binding turns it into a JavaScript Error with the same text.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What came from outside can't be: an argument of a call, or the data in it, such as an id of no row. Says what,
/// expected and got; JavaScript gets an ArgumentError.
struct ArgumentError : Error {
  using Error::Error;
};

}  // namespace scmoe
