// silu(gate) * up; rows of 2 F elements, gate first, to rows of F.
#pragma once
#include "simd.hpp"

template <class T> void swiglu_forward(long R, long F, const T *gate_up, T *out) {
  for (long r = 0; r < R; r++, gate_up += 2 * F, out += F)
    for (long f = 0; f < F; f += LANES) {
      Vec g = load(gate_up + f, F - f);
      store(out + f, g * sigmoid(g) * load(gate_up + F + f, F - f), F - f);
    }
}

template <class T>
void swiglu_backward(long R, long F, const T *grad_out, const T *gate_up, T *grad_gate_up) {
  for (long r = 0; r < R; r++, gate_up += 2 * F, grad_gate_up += 2 * F, grad_out += F)
    for (long f = 0; f < F; f += LANES) {
      long n = F - f;
      Vec g = load(gate_up + f, n), up = load(gate_up + F + f, n), o = load(grad_out + f, n);
      Vec s = sigmoid(g);
      store(grad_gate_up + f, o * up * s * (1.f + g * (1.f - s)), n);
      store(grad_gate_up + F + f, o * g * s, n);
    }
}
