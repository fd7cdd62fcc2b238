'use strict'
// A class that is also a function, as the classes of older packages are.

/** A class that can also be called without `new`, as the constructors of older packages can. */
function callable(Class) {
  const Callable = new Proxy(Class, {
    apply: (_target, _receiver, args) => new Callable(...args),
  })
  Class.prototype.constructor = Callable
  return Callable
}

module.exports = { callable }
