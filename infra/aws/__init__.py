"""What the deployment on AWS needs: the package, and the interpreters that Lambda has."""
