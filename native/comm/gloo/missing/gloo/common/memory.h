#pragma once
#include <memory>

// Headers of Gloo's TCP transport include this one, which the packages of Debian and Ubuntu leave out. What is here is
// as large as Gloo's own and no more: our code only holds such members inside of Gloo's objects, and Gloo's library
// makes, uses and destroys them.
namespace gloo {

template <typename T>
class NonOwningPtr;
template <typename T>
class ShareableNonOwningPtr;

template <typename T>
class WeakNonOwningPtr final {
 private:
  std::weak_ptr<T> ptr_;
};

}  // namespace gloo
