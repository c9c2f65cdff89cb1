//! Google: Gemini, Cloud Speech-to-Text, Cloud Text-to-Speech.
