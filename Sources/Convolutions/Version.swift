/// The version of this package, by the rules of semantic versioning.
public let convolutionsVersion = "\(convolutionsVersionText)"

/// The same as text that is always there: for the C interface.
package let convolutionsVersionText: StaticString = "0.1.0"
